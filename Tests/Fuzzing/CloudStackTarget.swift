import Curl
import JSON
import Reconciliation
import VolumeModel

@testable import CloudStack

extension FuzzTarget {
    /// An answer of CloudStack's, read as each of the things that are asked for. The first line is the command, the status
    /// and the Date header.
    static let cloudStackAnswers = FuzzTarget(name: "cloudstack-answers") { bytes in
        let input = HeadedInput(bytes)
        let words = input.head.split(separator: " ", maxSplits: 2)
        let command = words.first.map(String.init) ?? "listVolumes"
        let response = HTTPResponse(
            status: words.count > 1 ? Int(words[1]) ?? 200 : 200,
            headers: words.count > 2 ? ["date": String(words[2])] : [:], body: input.body)
        // What makes no sense as a page must be no page either.
        _ = try? ListingPage<VolumeRecord>(answer: input.body)
        for changes in [false, true] {
            do throws(CloudError) {
                let document = try APIClient.read(response, command: command, changes: changes)
                decode(document)
            } catch {
                try check(error, response, changes: changes)
            }
        }
    }

    private static func decode(_ document: JSONDocument) {
        _ = ListingPage(document, "volume", decode: Decoding.volume)
        _ = ListingPage(document, "virtualmachine", decode: Decoding.machine)
        _ = ListingPage(document, "zone", decode: Decoding.zone)
        _ = ListingPage(document, "diskoffering", decode: Decoding.offering)
        guard let body = document.root.fields?.first?.item else { return }
        _ = try? Decoding.job(body, asked: JobID(UUIDValue(high: 1, low: 2)))
        _ = try? Decoding.receipt(body)
    }

    private static func check(_ error: CloudError, _ response: HTTPResponse, changes: Bool) throws(Broken) {
        try hold("only a call that changes something has an unknown effect", changes || error.effect == .none)
        if let wait = error.retryAfter {
            try hold("nobody waits for \(wait)", (.zero ... .seconds(3_600)).contains(wait))
        }
    }
}
