import Crypto

/// CloudStack's request signature, by the server's own rule (`ApiServer.verifyRequest`): parameters without the signature,
/// sorted by name as sent, values as Java's URLEncoder writes them with `%20` for a space, all in lower case, HMAC-SHA1,
/// Base64.
public enum RequestSignature {
    public static func signature(of parameters: [(name: String, value: String)], secret: String) -> String {
        let text =
            parameters
            .filter { $0.name.lowercased() != "signature" }
            .sorted { Array($0.name.utf16).lexicographicallyPrecedes(Array($1.name.utf16)) }
            .map { "\($0.name)=\(javaEncoded($0.value))" }
            .joined(separator: "&").lowercased()
        return Base64.encode(MessageAuthentication.hmacSHA1(text.utf8, key: secret.utf8))
    }

    static func isValid(_ signature: String, of parameters: [(name: String, value: String)], secret: String) -> Bool {
        MessageAuthentication.isEqual(
            Array(signature.utf8), Array(self.signature(of: parameters, secret: secret).utf8))
    }

    /// Letters, digits, `.`, `-`, `*` and `_` stay; every other byte of the UTF-8 form is escaped.
    static func javaEncoded(_ value: String) -> String {
        var encoded = ""
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "*"),
                UInt8(ascii: "_"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }
        return encoded
    }
}
