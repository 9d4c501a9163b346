import CSimdjson

/// A text that is no JSON (RFC 8259).
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    public var message: String

    public init(message: String) {
        self.message = message
    }

    public var description: String { "cannot read JSON: \(message)" }
}

/// A parsed JSON text, by simdjson. Values are looked up in it without being copied out.
///
/// It owns the parsed form and frees it; one thread at a time.
public final class JSONDocument {
    private let document: OpaquePointer

    public init(_ bytes: [UInt8]) throws(JSONError) {
        var problem: UnsafePointer<CChar>?
        guard let document = hawser_json_parse(bytes, bytes.count, &problem) else {
            throw JSONError(message: problem.map { String(cString: $0) } ?? "unknown error")
        }
        self.document = document
    }

    deinit {
        hawser_json_free(document)
    }

    public var root: JSONItem { JSONItem(raw: hawser_json_root(document), owner: self) }
}

/// A value within a document, which it keeps alive.
public struct JSONItem {
    fileprivate let raw: hawser_json_value
    private let owner: JSONDocument

    fileprivate init(raw: hawser_json_value, owner: JSONDocument) {
        self.raw = raw
        self.owner = owner
    }

    /// The field of an object; `nil` when this is none, or it has no such field, or that is `null`.
    public subscript(_ name: StaticString) -> JSONItem? {
        var value = hawser_json_value()
        let isFound = name.withUTF8Buffer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { hawser_json_field(raw, $0.baseAddress, $0.count, &value) }
        }
        guard isFound, hawser_json_kind_of(value) != HAWSER_JSON_NULL else { return nil }
        return JSONItem(raw: value, owner: owner)
    }

    public var isObject: Bool { hawser_json_kind_of(raw) == HAWSER_JSON_OBJECT }

    public var text: String? {
        withTextBuffer { String(decoding: $0, as: UTF8.self) }
    }

    /// The bytes of a text, without making a `String`; valid only within `body`.
    public func withTextBytes<Result>(_ body: (Span<UInt8>) -> Result) -> Result? {
        withTextBuffer { body($0.span) }
    }

    private func withTextBuffer<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result? {
        var bytes: UnsafePointer<CChar>?
        var count = 0
        guard hawser_json_string(raw, &bytes, &count), let bytes else { return nil }
        defer { withExtendedLifetime(owner) {} }
        return bytes.withMemoryRebound(to: UInt8.self, capacity: count) {
            body(UnsafeBufferPointer(start: $0, count: count))
        }
    }

    /// A whole number, also one that was written as a text.
    public var integer: Int64? {
        var number: Int64 = 0
        if hawser_json_integer(raw, &number) { return number }
        return text.flatMap { Int64($0) }
    }

    /// True or false, also when written as a text.
    public var flag: Bool? {
        var flag = false
        if hawser_json_bool(raw, &flag) { return flag }
        return switch text?.lowercased() {
        case "true": true
        case "false": false
        default: nil
        }
    }

    /// The elements of an array; `nil` when this is none.
    public var elements: [JSONItem]? {
        guard hawser_json_kind_of(raw) == HAWSER_JSON_ARRAY else { return nil }
        let collection = Collection(owner: owner)
        _ = hawser_json_each(raw, Unmanaged.passUnretained(collection).toOpaque(), collect)
        return collection.fields.map(\.item)
    }

    /// The fields of an object in the order in which they stand; `nil` when this is none.
    public var fields: [(name: String, item: JSONItem)]? {
        guard isObject else { return nil }
        let collection = Collection(owner: owner)
        _ = hawser_json_each(raw, Unmanaged.passUnretained(collection).toOpaque(), collect)
        return collection.fields
    }

    fileprivate final class Collection {
        let owner: JSONDocument
        var fields: [(name: String, item: JSONItem)] = []

        init(owner: JSONDocument) {
            self.owner = owner
        }
    }
}

private let collect: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, Int, hawser_json_value) -> Void =
    {
        context, name, count, value in
        guard let context else { return }
        let collection = Unmanaged<JSONItem.Collection>.fromOpaque(context).takeUnretainedValue()
        let text = name.map { String(decoding: UnsafeRawBufferPointer(start: $0, count: count), as: UTF8.self) } ?? ""
        collection.fields.append((text, JSONItem(raw: value, owner: collection.owner)))
    }
