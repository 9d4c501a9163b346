/// One reader of outside input, and what must hold for whatever bytes it is given.
struct FuzzTarget: Sendable {
    /// Also the name of its folder in `corpus`.
    let name: String
    /// Throws what does not hold. A trap or a hang is found by whoever calls.
    let check: @Sendable ([UInt8]) async throws -> Void

    static let all: [FuzzTarget] = [
        manifests, settings, cloudStackAnswers, nbdServerFiles, controlRequests, httpAnswers, yaml, json, paths, words,
    ]
}

/// Something that must hold, and does not.
struct Broken: Error, CustomStringConvertible {
    let description: String
}

/// - Throws: ``Broken`` with the claim, unless it is true.
func hold(_ claim: @autoclosure () -> String, _ isTrue: Bool) throws(Broken) {
    guard isTrue else { throw Broken(description: "it does not hold that \(claim())") }
}

/// An input in two parts: its first line, and what stands below.
struct HeadedInput {
    let head: String
    let body: [UInt8]

    init(_ bytes: [UInt8]) {
        head = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        body = Array(bytes.drop { $0 != UInt8(ascii: "\n") }.dropFirst())
    }
}
