import Crypto

/// The CloudStack account of an `ossea_configs` row.
public struct LegacyCredentials: Sendable, Equatable {
    /// Ends in an API's path.
    public var endpoint: String
    public var apiKey: LegacySecret
    public var secretKey: LegacySecret

    public init(endpoint: String, apiKey: LegacySecret, secretKey: LegacySecret) {
        self.endpoint = endpoint
        self.apiKey = apiKey
        self.secretKey = secretKey
    }

    /// Reads a row. Newer clients store the keys sealed: base64 of `nonce(12) ‖ AES-256-GCM ciphertext ‖ tag(16)`. A key that does
    /// not open with the encryption key is taken as it stands, as is each where there is none.
    ///
    /// - Parameter encryptionKey: as the old installation's environment has it, base64 of 32 bytes
    ///   (`MIGRATEKIT_CRED_ENCRYPTION_KEY`); nil when there is none.
    /// - Throws: ``LegacyError`` when that is no such key, or a value looks sealed and the key is missing or another.
    public init(_ row: LegacyTables.Config, encryptionKey: LegacySecret?) throws(LegacyError) {
        var key: [UInt8]?
        if let encryptionKey {
            guard let bytes = Base64.decode(String(encryptionKey.text.prefix { !$0.isWhitespace })),
                bytes.count == SealedBytes.keyLength
            else {
                throw LegacyError(
                    "the encryption key of the credentials is not base64 of 32 bytes; take it from the old daemon's "
                        + "environment, where it is MIGRATEKIT_CRED_ENCRYPTION_KEY")
            }
            key = bytes
        }
        endpoint = Self.apiPath(row.endpoint)
        apiKey = try Self.opened(row.apiKey, "api_key", key)
        secretKey = try Self.opened(row.secretKey, "secret_key", key)
    }

    private static func opened(
        _ value: LegacySecret, _ column: String, _ key: [UInt8]?
    ) throws(LegacyError) -> LegacySecret {
        guard let sealed = Base64.decode(value.text), sealed.count > 28 else { return value }
        if let key, let plain = SealedBytes.open(sealed, key: key) {
            return LegacySecret(String(decoding: plain, as: UTF8.self))
        }
        // CloudStack's own keys are 86 characters of base64 without padding (64 bytes), which no sealed one has: this one has
        // 28 bytes more than what it seals.
        guard sealed.count == 28 + 86 else { return value }
        throw LegacyError(
            "\(column) in ossea_configs is encrypted, and "
                + (key == nil ? "no key for it is given" : "the key that is given does not open it")
                + "; set legacy.encryptionKeyFile to a file with the old daemon's MIGRATEKIT_CRED_ENCRYPTION_KEY")
    }

    /// The old daemon's rows hold the address of the user interface as often as that of the API.
    private static func apiPath(_ text: String) -> String {
        var base = text[...]
        while base.last == "/" { base.removeLast() }
        if base.isEmpty || base.hasSuffix("/api") { return String(base) }
        return base.hasSuffix("/client") ? base + "/api" : base + "/client/api"
    }
}
