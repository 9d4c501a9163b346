import Arguments

/// Where scrapers connect: an address of this machine's own, unless somebody has said that others may read it too.
struct MetricsListener: Sendable, Equatable {
    var host: String
    var port: UInt16

    /// `nil` when nobody wants one.
    init?(_ values: SettingValues) throws(UsageError) {
        let isRemote = try values.flag("metrics.remote")
        guard let text = values["metrics.listen"] else { return nil }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw UsageError("metrics.listen is HOST:PORT, such as 127.0.0.1:9750, not '\(text)'")
        }
        host = String(text[..<colon])
        self.port = port
        // The whole of 127/8 is this machine (RFC 1122, section 3.2.1.3); the server takes IPv4 addresses only.
        guard isRemote || host.hasPrefix("127.") else {
            throw UsageError(
                "metrics.listen is \(host), which other machines may reach: write metrics.remote: yes if that is meant")
        }
    }
}
