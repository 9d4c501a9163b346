import Crypto
import Testing

@Suite struct MessageAuthenticationTests {
    /// RFC 2202, section 3, cases 1, 2 and 6.
    @Test(arguments: [
        ([UInt8](repeating: 0x0b, count: 20), "Hi There", "thcxhlUFcmTii8C2+zeMjvFGvgA="),
        (Array("Jefe".utf8), "what do ya want for nothing?", "7/zfauXrL6LSdBbV8YTfnCWafHk="),
        (
            [UInt8](repeating: 0xaa, count: 80), "Test Using Larger Than Block-Size Key - Hash Key First",
            "qkrl4VJy0A6VcFY3zoo7Ve1AIRI="
        ),
    ]) func `HMAC-SHA1 gives the codes of RFC 2202`(key: [UInt8], message: String, code: String) {
        #expect(Base64.encode(MessageAuthentication.hmacSHA1(Array(message.utf8), key: key)) == code)
    }

    /// RFC 4648, section 10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ]) func `Base64 gives the texts of RFC 4648`(plain: String, encoded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == encoded)
    }

    @Test func `codes are equal only when every byte is`() {
        #expect(MessageAuthentication.isEqual([1, 2, 3], [1, 2, 3]))
        #expect(!MessageAuthentication.isEqual([1, 2, 3], [1, 2, 4]))
        #expect(!MessageAuthentication.isEqual([1, 2, 3], [1, 2]))
    }
}
