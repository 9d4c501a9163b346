import CCrypto

/// AES-256-GCM (NIST SP 800-38D) with a nonce of 12 bytes and a tag of 16, by libcrypto: what Go's `cipher.NewGCM` makes, so
/// that `nonce ‖ ciphertext ‖ tag` of a Go program is read here.
public enum SealedBytes {
    public static let keyLength = 32
    private static let nonceLength = 12
    private static let tagLength = 16

    /// Decrypts `nonce ‖ ciphertext ‖ tag`.
    ///
    /// - Returns: nil when it was not sealed with this key, was changed since, or is too short to be sealed at all.
    public static func open(_ sealed: [UInt8], key: [UInt8]) -> [UInt8]? {
        guard key.count == keyLength, sealed.count >= nonceLength + tagLength else { return nil }
        let nonce = Array(sealed.prefix(nonceLength))
        let text = Array(sealed.dropFirst(nonceLength).dropLast(tagLength))
        var tag = Array(sealed.suffix(tagLength))
        let context = Context()
        var plain = [UInt8](repeating: 0, count: text.count + 1)
        var count: Int32 = 0
        var rest: Int32 = 0
        guard EVP_DecryptInit_ex(context.pointer, EVP_aes_256_gcm(), nil, key, nonce) == 1,
            EVP_DecryptUpdate(context.pointer, &plain, &count, text, Int32(text.count)) == 1,
            EVP_CIPHER_CTX_ctrl(context.pointer, EVP_CTRL_AEAD_SET_TAG, Int32(tagLength), &tag) == 1,
            // GCM is a stream cipher: nothing is left to be written, only the tag to be compared.
            EVP_DecryptFinal_ex(context.pointer, &tag, &rest) == 1
        else { return nil }
        return Array(plain.prefix(Int(count)))
    }

    /// Encrypts to `nonce ‖ ciphertext ‖ tag`.
    ///
    /// - Parameters:
    ///   - key: 32 bytes.
    ///   - nonce: 12 bytes, never the same twice with one key; nil to draw them.
    public static func seal(_ plain: [UInt8], key: [UInt8], nonce: [UInt8]? = nil) -> [UInt8] {
        let nonce = nonce ?? randomBytes(nonceLength)
        precondition(key.count == keyLength && nonce.count == nonceLength, "AES-256-GCM takes a key of 32 bytes")
        let context = Context()
        var text = [UInt8](repeating: 0, count: plain.count + 1)
        var tag = [UInt8](repeating: 0, count: tagLength)
        var count: Int32 = 0
        var rest: Int32 = 0
        let isSealed =
            EVP_EncryptInit_ex(context.pointer, EVP_aes_256_gcm(), nil, key, nonce) == 1
            && EVP_EncryptUpdate(context.pointer, &text, &count, plain, Int32(plain.count)) == 1
            && EVP_EncryptFinal_ex(context.pointer, &tag, &rest) == 1
            && EVP_CIPHER_CTX_ctrl(context.pointer, EVP_CTRL_AEAD_GET_TAG, Int32(tagLength), &tag) == 1
        precondition(isSealed, "AES-256-GCM failed: libcrypto is out of memory or lacks it")
        return nonce + text.prefix(Int(count)) + tag
    }

    private static func randomBytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        precondition(RAND_bytes(&bytes, Int32(count)) == 1, "the machine has no source of randomness")
        return bytes
    }

    /// Owns one `EVP_CIPHER_CTX`; used by one call, and freed with it, which also wipes the key (EVP_EncryptInit(3)).
    private final class Context {
        let pointer: OpaquePointer

        init() {
            guard let made = EVP_CIPHER_CTX_new() else { preconditionFailure("libcrypto is out of memory") }
            pointer = made
        }

        deinit { EVP_CIPHER_CTX_free(pointer) }
    }
}
