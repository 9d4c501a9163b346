import Crypto

/// Turns a call into the bytes that CloudStack can verify (`ApiServer.verifyRequest` of CloudStack 4.20).
enum RequestSigning {
    /// The parameters with key and signature, as a query or a form.
    ///
    /// Names are sent in lower case, which makes their order unambiguous; `signatureVersion` and `expires` make the
    /// request worthless after its time.
    static func form(_ parameters: [String: String], apiKey: String, secretKey: String, expires: String?) -> String {
        var all = parameters
        all["apikey"] = apiKey
        all["response"] = "json"
        if let expires {
            all["signatureversion"] = "3"
            all["expires"] = expires
        }
        let pairs = all.sorted { $0.key < $1.key }.map { "\($0.key)=\(encoded($0.value))" }
        let signature = signature(of: pairs.joined(separator: "&"), secretKey: secretKey)
        // Names such as tags[0].key are signed as they are and escaped on the way.
        let sent = all.sorted { $0.key < $1.key }.map { "\(encoded($0.key))=\(encoded($0.value))" }
        return sent.joined(separator: "&") + "&signature=" + encoded(signature)
    }

    static func signature(of text: String, secretKey: String) -> String {
        Base64.encode(MessageAuthentication.hmacSHA1(text.lowercased().utf8, key: secretKey.utf8))
    }

    /// As Java's URLEncoder, with `%20` for a space: letters, digits, `.`, `-`, `*` and `_` stay. The tilde is escaped,
    /// which clients that follow RFC 3986 get wrong.
    static func encoded(_ value: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(value.utf8.count)
        for byte in value.utf8 {
            let isSafe =
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: ".")
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "*") || byte == UInt8(ascii: "_")
            if isSafe {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
