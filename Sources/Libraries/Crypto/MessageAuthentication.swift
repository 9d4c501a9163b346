import CCrypto

/// HMAC-SHA1 (RFC 2104), as CloudStack signs its requests; by libcrypto.
public enum MessageAuthentication {
    /// - Returns: the 20 bytes of the code.
    public static func hmacSHA1(_ message: some Sequence<UInt8>, key: some Sequence<UInt8>) -> [UInt8] {
        let message = Array(message)
        let key = Array(key)
        var code = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        let result = HMAC(EVP_sha1(), key, Int32(key.count), message, message.count, &code, &length)
        precondition(result != nil, "HMAC failed: libcrypto is out of memory or lacks SHA-1")
        return Array(code.prefix(Int(length)))
    }

    /// Compares without telling by its time where two codes differ.
    public static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
    }
}
