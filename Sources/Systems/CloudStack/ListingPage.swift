public import JSON
public import VolumeModel

/// One page of a listing, as CloudStack answered it.
public struct ListingPage<Record: Sendable>: Sendable {
    /// How many rows there are in all, by CloudStack's own count.
    public var count: Int
    public var records: [Record]
    /// Why a row of the page could not be read, in one sentence; `nil` when all could.
    public var problem: String?

    init(
        _ document: JSONDocument, _ name: StaticString, decode: (JSONItem) throws(UnreadableAnswer) -> Record
    ) {
        let body = document.root.fields?.first?.item
        count = Int(body?["count"]?.integer ?? 0)
        records = []
        let rows = body?[name]?.elements ?? []
        records.reserveCapacity(rows.count)
        for row in rows {
            do throws(UnreadableAnswer) {
                records.append(try decode(row))
            } catch {
                problem = problem ?? error.reason
            }
        }
    }
}

extension ListingPage<VolumeRecord> {
    /// Reads an answer to `listVolumes`.
    ///
    /// - Throws: ``JSONError`` for what is no JSON.
    public init(answer: [UInt8]) throws(JSONError) {
        self.init(try JSONDocument(answer), "volume", decode: Decoding.volume)
    }
}
