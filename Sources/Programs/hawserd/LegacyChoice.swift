import Arguments
import LegacyDaemon
import LinuxCalls
import MariaDB

/// Where the old daemon's database is, if there is one: the settings under `legacy`, checked.
struct LegacyChoice: Sendable {
    /// nil when none is named: then whoever asks names one.
    var address: MariaDBAddress?
    /// Whether the old daemon's tables are kept up to date.
    var isMirrored: Bool
    /// Whether CloudStack's endpoint and keys are those of the active row of `ossea_configs`.
    var givesAccount: Bool
    /// Opens the keys in `ossea_configs`.
    var encryptionKey: LegacySecret?

    init(_ values: SettingValues) throws {
        func firstLine(of file: String) throws -> String {
            String(try readTextFile(file, limit: 65_536).prefix { !$0.isNewline })
        }
        if let text = values["legacy.url"] {
            do throws(MariaDBAddressError) { address = try MariaDBAddress(legacy: text) } catch {
                throw UsageError("legacy.url cannot be read: \(error)")
            }
            if let file = values["legacy.passwordFile"] { address?.password = MariaDBPassword(try firstLine(of: file)) }
        } else if values.isSet("legacy.passwordFile") {
            throw UsageError("legacy.passwordFile is set, and legacy.url is not: set it to the old daemon's database")
        }
        isMirrored = try values.flag("legacy.mirror")
        givesAccount = try values.flag("legacy.account")
        for (key, isOn) in [("legacy.mirror", isMirrored), ("legacy.account", givesAccount)]
        where isOn && address == nil {
            throw UsageError("\(key) is yes, and legacy.url is not set: set it to the old daemon's database")
        }
        if let file = values["legacy.encryptionKeyFile"] {
            encryptionKey = LegacySecret(try firstLine(of: file))
        } else {
            encryptionKey = values.outside["MIGRATEKIT_CRED_ENCRYPTION_KEY"].map { LegacySecret($0) }
        }
    }
}
