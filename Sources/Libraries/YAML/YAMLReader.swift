import CYAML

/// Reads YAML over libyaml's events (libyaml 0.2.5), with the place of everything, and with limits on what a hostile
/// text can make of itself: size, depth, and how much aliases may repeat.
public struct YAMLReader: Sendable {
    public var depthLimit = 64
    public var byteLimit = 16 << 20
    /// How many nodes a text may have after its aliases were replaced ("billion laughs").
    public var nodeLimit = 1_000_000

    public init() {}

    /// The documents of a text, empty ones left out.
    public func documents(_ text: [UInt8]) throws(YAMLError) -> [Node] {
        guard text.count <= byteLimit else {
            throw YAMLError(mark: Mark(line: 1, column: 1), message: "the text is longer than \(byteLimit) bytes")
        }
        let parser = Parser(text)
        var documents: [Node] = []
        var builder = Builder(limits: self)
        while true {
            let event = try parser.next()
            switch event.kind {
            case .streamStart, .documentEnd, .none: continue
            case .streamEnd: return documents
            case .documentStart:
                builder = Builder(limits: self, nodeCount: builder.nodeCount)
                let node = try builder.node(parser.next(), parser, depth: 0)
                if node.value != .null || !node.source.isEmpty { documents.append(node) }
            case .scalar, .sequenceStart, .sequenceEnd, .mappingStart, .mappingEnd, .alias:
                throw YAMLError(mark: event.mark, message: "something stands outside of a document")
            }
        }
    }
}

/// Makes nodes of events.
private struct Builder {
    let limits: YAMLReader
    var nodeCount = 0
    var anchors: [String: (node: Node, size: Int)] = [:]

    init(limits: YAMLReader, nodeCount: Int = 0) {
        self.limits = limits
        self.nodeCount = nodeCount
    }

    mutating func node(_ event: Event, _ parser: Parser, depth: Int) throws(YAMLError) -> Node {
        guard depth <= limits.depthLimit else {
            throw YAMLError(mark: event.mark, message: "nested deeper than \(limits.depthLimit) levels")
        }
        try count(1, at: event.mark)
        let before = nodeCount
        let node: Node
        switch event.kind {
        case .scalar:
            let value = event.isPlain && event.tag == nil ? CoreSchema.value(ofPlain: event.text) : .text(event.text)
            node = Node(value, mark: event.mark, source: event.text)
        case .alias:
            guard let known = anchors[event.anchor ?? ""] else {
                throw YAMLError(mark: event.mark, message: "nothing is anchored as '&\(event.anchor ?? "")'")
            }
            try count(known.size, at: event.mark)
            return known.node
        case .sequenceStart: node = Node(.list(try list(parser, depth: depth)), mark: event.mark)
        case .mappingStart: node = Node(.map(try map(parser, depth: depth)), mark: event.mark)
        case .none, .streamStart, .streamEnd, .documentStart, .documentEnd, .sequenceEnd, .mappingEnd:
            throw YAMLError(mark: event.mark, message: "a value is missing here")
        }
        if let anchor = event.anchor { anchors[anchor] = (node, nodeCount - before + 1) }
        return node
    }

    private mutating func list(_ parser: Parser, depth: Int) throws(YAMLError) -> [Node] {
        var items: [Node] = []
        while true {
            let event = try parser.next()
            if event.kind == .sequenceEnd { return items }
            items.append(try node(event, parser, depth: depth + 1))
        }
    }

    private mutating func map(_ parser: Parser, depth: Int) throws(YAMLError) -> [Node.Entry] {
        var entries: [Node.Entry] = []
        var marks: [String: Mark] = [:]
        while true {
            let event = try parser.next()
            if event.kind == .mappingEnd { return entries }
            guard event.kind == .scalar else {
                throw YAMLError(mark: event.mark, message: "a key has to be plain text")
            }
            if let first = marks[event.text] {
                throw YAMLError(mark: event.mark, message: "'\(event.text)' stands twice; first at \(first)")
            }
            marks[event.text] = event.mark
            let value = try node(parser.next(), parser, depth: depth + 1)
            entries.append(Node.Entry(key: event.text, keyMark: event.mark, value: value))
        }
    }

    private mutating func count(_ number: Int, at mark: Mark) throws(YAMLError) {
        nodeCount += number
        guard nodeCount <= limits.nodeLimit else {
            throw YAMLError(mark: mark, message: "aliases make more than \(limits.nodeLimit) values of this text")
        }
    }
}

/// One event of libyaml's, copied out.
private struct Event {
    enum Kind {
        case none, streamStart, streamEnd, documentStart, documentEnd, alias, scalar, sequenceStart, sequenceEnd
        case mappingStart, mappingEnd
    }

    var kind: Kind
    var mark: Mark
    var text = ""
    var anchor: String?
    var tag: String?
    var isPlain = false
}

/// Owns a `yaml_parser_t` and the bytes that it reads; both live as long as this object.
private final class Parser {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>

    init(_ text: [UInt8]) {
        parser = .allocate(capacity: 1)
        input = .allocate(capacity: text.count)
        _ = input.initialize(from: text)
        let isInitialized = yaml_parser_initialize(parser) == 1
        precondition(isInitialized, "yaml_parser_initialize: out of memory")
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, input.baseAddress, input.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        input.deallocate()
    }

    func next() throws(YAMLError) -> Event {
        var raw = yaml_event_t()
        guard yaml_parser_parse(parser, &raw) == 1 else {
            let problem = parser.pointee.problem.map { String(cString: $0) } ?? "this is no YAML"
            let place = parser.pointee.problem_mark
            throw YAMLError(mark: Mark(line: Int(place.line) + 1, column: Int(place.column) + 1), message: problem)
        }
        defer { yaml_event_delete(&raw) }
        let mark = Mark(line: Int(raw.start_mark.line) + 1, column: Int(raw.start_mark.column) + 1)
        func text(_ pointer: UnsafeMutablePointer<UInt8>?) -> String? { pointer.map { String(cString: $0) } }
        switch raw.type {
        case YAML_STREAM_START_EVENT: return Event(kind: .streamStart, mark: mark)
        case YAML_STREAM_END_EVENT: return Event(kind: .streamEnd, mark: mark)
        case YAML_DOCUMENT_START_EVENT: return Event(kind: .documentStart, mark: mark)
        case YAML_DOCUMENT_END_EVENT: return Event(kind: .documentEnd, mark: mark)
        case YAML_ALIAS_EVENT: return Event(kind: .alias, mark: mark, anchor: text(raw.data.alias.anchor))
        case YAML_SCALAR_EVENT:
            let scalar = raw.data.scalar
            let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            return Event(
                kind: .scalar, mark: mark, text: String(decoding: bytes, as: UTF8.self), anchor: text(scalar.anchor),
                tag: text(scalar.tag), isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
        case YAML_SEQUENCE_START_EVENT:
            return Event(kind: .sequenceStart, mark: mark, anchor: text(raw.data.sequence_start.anchor))
        case YAML_SEQUENCE_END_EVENT: return Event(kind: .sequenceEnd, mark: mark)
        case YAML_MAPPING_START_EVENT:
            return Event(kind: .mappingStart, mark: mark, anchor: text(raw.data.mapping_start.anchor))
        case YAML_MAPPING_END_EVENT: return Event(kind: .mappingEnd, mark: mark)
        default: return Event(kind: .none, mark: mark)
        }
    }
}
