/// What an account may have (`ResourceLimitManagerImpl`).
extension CloudWorld {
    /// Refuses what would take an account over its limits. There is one domain, the root, which has none.
    func checkLimits(of account: String, newVolumes: Int, newBytes: Int64) throws(APIError) {
        guard let owner = accounts.first(where: { $0.name == account }), !owner.isRoot else { return }
        guard owner.volumeLimit != nil || owner.primaryStorageLimitInGiB != nil else { return }
        let owned = volumes.values.filter { $0.account == account && !$0.isRemoved }
        if let limit = owner.volumeLimit, newVolumes > 0, owned.count + newVolumes > limit {
            throw exceeded("volume", of: owner, limit: "\(limit)", present: "\(owned.count)", asked: "\(newVolumes)")
        }
        let present = owned.reduce(0) { $0 + $1.sizeInBytes }
        if let limit = owner.primaryStorageLimitInGiB.map({ $0 << 30 }), newBytes > 0, present + newBytes > limit {
            throw exceeded(
                "primary_storage", of: owner, limit: Self.readable(limit), present: Self.readable(present),
                asked: Self.readable(newBytes))
        }
    }

    private func exceeded(
        _ type: String, of owner: Account, limit: String, present: String, asked: String
    ) -> APIError {
        APIError(
            code: 535, cloudStackCode: 4370,
            text: "Maximum amount of resources of Type = '\(type)', tag = 'null' for Account Name = \(owner.name) in "
                + "Domain Id = 1 is exceeded: Account Resource Limit = \(limit), Current Account Resource Amount = "
                + "\(present), Current Account Resource Reservation = 0, Requested Resource Amount = \(asked).")
    }

    /// As `NumbersUtil.toHumanReadableSize` writes it: `1073741824 (1.00 GB)`.
    static func readable(_ bytes: Int64) -> String {
        let units: [(size: Int64, name: String)] = [(1 << 40, "TB"), (1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")]
        guard let unit = units.first(where: { bytes >= $0.size }) else { return "\(bytes) (\(bytes) bytes)" }
        let digits = unit.name == "TB" ? 4 : 2
        let scale: Int64 = digits == 4 ? 10_000 : 100
        let scaled = (bytes / unit.size) * scale + ((bytes % unit.size) * scale + unit.size / 2) / unit.size
        let fraction = String(scaled % scale)
        let zeros = String(repeating: "0", count: digits - fraction.count)
        return "\(bytes) (\(scaled / scale).\(zeros)\(fraction) \(unit.name))"
    }
}
