/// Writes a JSON text (RFC 8259) straight into bytes, for answers so long that an encoder's tree in between costs more than
/// all the rest. Fields stand in the order in which they are written.
public struct JSONWriter {
    public private(set) var bytes: [UInt8] = []
    /// Whether something stands before at this level.
    private var needsComma = false

    /// - Parameter capacity: about how many bytes will be written.
    public init(capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    /// An object, whose fields `body` writes.
    public mutating func object(_ body: (inout JSONWriter) -> Void) { enclose("{", "}", body) }

    /// A field that is a list of objects.
    public mutating func list<Items: Sequence>(
        _ name: StaticString, _ items: Items, _ body: (inout JSONWriter, Items.Element) -> Void
    ) {
        begin(name)
        enclose("[", "]") { writer in
            for item in items { writer.object { body(&$0, item) } }
        }
    }

    /// A field that is an object; none without a value.
    public mutating func field<Value>(
        _ name: StaticString, _ value: Value?, _ body: (inout JSONWriter, Value) -> Void
    ) {
        guard let value else { return }
        begin(name)
        object { body(&$0, value) }
    }

    /// A text; no field without one.
    public mutating func field(_ name: StaticString, _ value: String?) {
        guard let value else { return }
        begin(name)
        append(value)
        needsComma = true
    }

    /// A number; no field without one.
    public mutating func field(_ name: StaticString, _ value: (some BinaryInteger)?) {
        guard let value else { return }
        begin(name)
        bytes.append(contentsOf: String(value).utf8)
        needsComma = true
    }

    public mutating func field(_ name: StaticString, _ value: Bool) {
        begin(name)
        append(value ? "true" as StaticString : "false")
        needsComma = true
    }

    private mutating func enclose(
        _ opening: Unicode.Scalar, _ closing: Unicode.Scalar, _ body: (inout JSONWriter) -> Void
    ) {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = false
        bytes.append(UInt8(ascii: opening))
        body(&self)
        bytes.append(UInt8(ascii: closing))
        needsComma = true
    }

    private mutating func begin(_ name: StaticString) {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = false
        bytes.append(UInt8(ascii: "\""))
        append(name)
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    private mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    private mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { buffer in
            bytes.append(UInt8(ascii: "\""))
            if buffer.allSatisfy({ !Self.isEscaped($0) }) {
                bytes.append(contentsOf: buffer)
            } else {
                for byte in buffer { appendEscaped(byte) }
            }
            bytes.append(UInt8(ascii: "\""))
        }
    }

    /// What may not stand in a string as it is (RFC 8259, section 7).
    private static func isEscaped(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private mutating func appendEscaped(_ byte: UInt8) {
        guard Self.isEscaped(byte) else { return bytes.append(byte) }
        guard byte < 0x20 else { return bytes += [UInt8(ascii: "\\"), byte] }
        let digits = String(byte, radix: 16)
        bytes += "\\u00\(digits.count == 1 ? "0" : "")\(digits)".utf8
    }
}
