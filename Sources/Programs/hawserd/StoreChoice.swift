import Arguments
import LinuxCalls
import MariaDB

/// Where the store is: the settings under `store`, checked.
enum StoreChoice: Sendable {
    /// A file that this process has for itself.
    case embedded(path: String)
    /// A database that other hawserd may use, too.
    case shared(MariaDBAddress, lifetime: Duration)

    init(_ values: SettingValues) throws {
        guard let address = try Self.address(values) else {
            self = .embedded(path: try values.required("store.path"))
            return
        }
        let lifetime = try values.duration("lease.lifetime")
        guard (.milliseconds(500)...(.seconds(60))).contains(lifetime) else {
            throw UsageError("lease.lifetime is from 500ms to 60s, not '\(try values.required("lease.lifetime"))'")
        }
        self = .shared(address, lifetime: lifetime)
    }

    /// `nil` when no database is named.
    private static func address(_ values: SettingValues) throws -> MariaDBAddress? {
        let named: (words: String, address: () throws(MariaDBAddressError) -> MariaDBAddress)
        if let text = values["store.url"] {
            named = ("store.url", { () throws(MariaDBAddressError) in try MariaDBAddress(parsing: text) })
        } else if let text = values.outside["DATABASE_DSN"] {
            named = ("DATABASE_DSN", { () throws(MariaDBAddressError) in try MariaDBAddress(parsing: text) })
        } else if values.outside["DB_HOST"] != nil {
            let variables = values.outside
            named = ("DB_HOST", { () throws(MariaDBAddressError) in try MariaDBAddress(environment: variables) })
        } else {
            return nil
        }
        guard !values.isSet("store.path") else {
            throw UsageError(
                "store.path and \(named.words) are both set: one names a file, the other a database; unset one of them")
        }
        var address: MariaDBAddress
        do throws(MariaDBAddressError) { address = try named.address() } catch {
            throw UsageError("\(named.words) cannot be read: \(error)")
        }
        if let password = try password(values, orElse: address.password) { address.password = password }
        return address
    }

    /// The file that is named; or what the address has; or the credential that systemd hands over (systemd.exec(5),
    /// LoadCredential=).
    private static func password(
        _ values: SettingValues, orElse given: MariaDBPassword?
    ) throws -> MariaDBPassword? {
        func firstLine(of file: String) throws -> MariaDBPassword {
            MariaDBPassword(String(try readTextFile(file, limit: 65_536).prefix { !$0.isNewline }))
        }
        if let file = values["store.passwordFile"] { return try firstLine(of: file) }
        if let given { return given }
        guard let directory = values.outside["CREDENTIALS_DIRECTORY"] else { return nil }
        let file = "\(directory)/hawser-store-password"
        return exists(file) ? try firstLine(of: file) : nil
    }
}
