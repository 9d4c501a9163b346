import NBD

/// What a path may hold that is written into nbd-server's files.
///
/// There it is a value of a key file, where `\` begins an escape; nbd-server takes it for a format of printf(3), where `%`
/// begins one (`virtstyle` of nbd-server(5)); and in `prerun` a shell reads it. Hence these characters and no others.
enum ServerPath {
    static let rule = "a path for nbd-server begins with '/' and has letters, digits and / . _ - + , : = @ only"

    static func isSafe(_ path: String) -> Bool {
        path.utf8.first == UInt8(ascii: "/") && path.utf8.count < 512
            && path.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "/._-+,:=@".utf8.contains(byte)
                }
            }
    }

    /// Whether a host or a socket's path can stand in the main file.
    static func isSafe(_ address: NBDAddress) -> Bool {
        switch address {
        case .unix(let path): isSafe(path)
        case .tcp(let host, _): isSafe("/" + host) && !host.contains("/")
        }
    }
}
