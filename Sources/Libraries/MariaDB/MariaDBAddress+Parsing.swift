extension MariaDBAddress {
    /// Reads a URL, or what Go's driver takes, whichever it is.
    ///
    /// - A URL: `mariadb://user:password@host1:3306,host2/db?tls=required&ca=/path`, also with `mysql:`. What is no letter,
    ///   digit or one of `-._~` is written as % and two hexadecimal digits in the user and the password. A unix socket is
    ///   `mariadb://user:password@/db?socket=/path`.
    /// - What Go's driver takes (github.com/go-sql-driver/mysql, "DSN"): `user:password@tcp(host:3306)/db?tls=true`, or
    ///   `user@unix(/path)/db`. The password is written as it is, whatever is in it; after `?` a `/` is `%2F`.
    ///
    /// Parameters of both: `tls` is `off`, `offered`, `required` or `verified` (or, in Go's words, `false`, `preferred`,
    /// `skip-verify`, `true`), `ca`, `cert` and `key` are PEM files. A `ca` without `tls` means `verified`.
    public init(parsing text: String) throws(MariaDBAddressError) {
        guard !text.utf8.contains(0) else { throw MariaDBAddressError("a NUL is in it") }
        let scheme = text.firstRange(of: "://").map { text[..<$0.lowerBound].lowercased() }
        if scheme == "mariadb" || scheme == "mysql" {
            self = try Self.url(text[text.index(text.startIndex, offsetBy: (scheme ?? "").count + 3)...])
            return
        }
        do throws(MariaDBAddressError) { self = try Self.goDataSource(text[...]) } catch {
            // A password may begin with //, so that this is a guess, and comes last.
            guard let scheme, !scheme.isEmpty, scheme.allSatisfy(\.isLetter) else { throw error }
            throw MariaDBAddressError("the scheme of its URL is neither mariadb nor mysql")
        }
    }

    /// Reads `DB_HOST` (a name, several with commas between, or the path of a unix socket), `DB_PORT`, `DB_USER`, `DB_PASSWORD`
    /// and `DB_NAME`.
    ///
    /// - Parameter environment: as `ProcessInfo` or environ(7) has it; nothing else of it is looked at.
    public init(environment: [String: String]) throws(MariaDBAddressError) {
        func needed(_ name: String, _ example: String) throws(MariaDBAddressError) -> String {
            guard let value = environment[name], !value.isEmpty else {
                throw MariaDBAddressError("\(name) is not set; set it like \(name)=\(example)")
            }
            return value
        }
        for name in ["DB_HOST", "DB_PORT", "DB_USER", "DB_PASSWORD", "DB_NAME"]
        where environment[name]?.utf8.contains(0) == true {
            throw MariaDBAddressError("a NUL is in \(name)")
        }
        let host = try needed("DB_HOST", "127.0.0.1")
        var port = Self.standardPort
        if let text = environment["DB_PORT"], !text.isEmpty {
            guard let number = UInt16(text), number > 0 else {
                throw MariaDBAddressError("DB_PORT is no number of 1 to 65535; set it like DB_PORT=3306")
            }
            port = number
        }
        self.init(
            endpoints: host.hasPrefix("/")
                ? [.unix(path: host)] : try Self.hosts(host[...], port: port, "DB_HOST"),
            user: try needed("DB_USER", "hawser"),
            password: environment["DB_PASSWORD"].flatMap { $0.isEmpty ? nil : MariaDBPassword($0) },
            database: try needed("DB_NAME", "hawser"))
    }

    // MARK: URL

    private static func url(_ text: Substring) throws(MariaDBAddressError) -> MariaDBAddress {
        guard !text.contains("#") else {
            throw MariaDBAddressError("a # is in its URL; write it as %23")
        }
        let end = text.firstIndex { $0 == "/" || $0 == "?" } ?? text.endIndex
        guard !text[end...].contains("@") else {
            throw MariaDBAddressError(
                "there is an @ after the first / or ?; write / ? and @ as %2F %3F and %40 wherever they are no sign of the URL"
            )
        }
        let authority = text[..<end]
        var path = text[end...]
        var query: Substring = ""
        if let mark = path.firstIndex(of: "?") {
            query = path[path.index(after: mark)...]
            path = path[..<mark]
        }
        var address = MariaDBAddress(endpoints: [], user: "")
        var places = authority
        if let at = authority.lastIndex(of: "@") {
            places = authority[authority.index(after: at)...]
            let (user, password) = split(authority[..<at])
            address.user = try decoded(user, "the user")
            address.password = try password.map { text throws(MariaDBAddressError) in
                MariaDBPassword(try decoded(text, "the password"))
            }
        }
        address.database = try decoded(path.drop { $0 == "/" }, "the name of the database")
        guard !address.database.contains("/") else {
            throw MariaDBAddressError(
                "there is a / after the name of the database; write a / in a user or password as %2F")
        }
        // Before the parameters: what is wrong there is often a ? in a password.
        address.endpoints = places.isEmpty ? [] : try hosts(places, port: standardPort, "the URL")
        if let socket = try address.take(query, alsoSocket: true) {
            guard places.isEmpty || places == "localhost" else {
                throw MariaDBAddressError("it has both hosts and a socket; leave one of them out")
            }
            address.endpoints = [.unix(path: socket)]
        } else {
            guard !places.isEmpty else {
                throw MariaDBAddressError("it names no host; write mariadb://user:password@host:3306/database")
            }
        }
        return address
    }

    // MARK: What Go's driver takes

    /// As its `ParseDSN` does: the last / ends the address, and the last @ before it ends the password, which begins after the
    /// first colon.
    private static func goDataSource(_ text: Substring) throws(MariaDBAddressError) -> MariaDBAddress {
        let shape = "write user:password@tcp(host:3306)/database or mariadb://user:password@host:3306/database"
        guard let slash = text.lastIndex(of: "/") else {
            throw MariaDBAddressError("there is no / before the name of a database; \(shape)")
        }
        var address = MariaDBAddress(endpoints: [], user: "")
        var place = text[..<slash]
        if let at = place.lastIndex(of: "@") {
            let (user, password) = split(place[..<at])
            address.user = String(user)
            address.password = password.map { MariaDBPassword(String($0)) }
            place = place[place.index(after: at)...]
        }
        var name = text[text.index(after: slash)...]
        var query: Substring = ""
        if let mark = name.firstIndex(of: "?") {
            query = name[name.index(after: mark)...]
            name = name[..<mark]
        }
        address.database = try decoded(name, "the name of the database")
        // The place comes before the parameters: what is wrong there is often a / in one of them.
        address.endpoints = [try endpoint(place, shape)]
        _ = try address.take(query, alsoSocket: false)
        return address
    }

    private static func endpoint(_ text: Substring, _ shape: String) throws(MariaDBAddressError) -> Endpoint {
        var network = text
        var inner: Substring = ""
        if let open = text.firstIndex(of: "(") {
            guard text.last == ")" else {
                throw MariaDBAddressError(
                    "there is no ) before the last /; \(shape), and a / after the ? as %2F")
            }
            network = text[..<open]
            inner = text[text.index(after: open)...].dropLast()
        }
        switch network {
        case "unix":
            guard inner.hasPrefix("/") else {
                throw MariaDBAddressError("the path of its unix socket does not begin with /; write unix(/path)")
            }
            return .unix(path: String(inner))
        case "tcp", "":
            guard !inner.isEmpty else { return .tcp(host: "127.0.0.1", port: standardPort) }
            return try hosts(inner, port: standardPort, "tcp()")[0]
        default:
            throw MariaDBAddressError(
                "what stands before the last / is neither tcp(host:port) nor unix(/path); \(shape)")
        }
    }

    // MARK: Parts of both

    /// What is before the first colon, and what is after it when there is one.
    private static func split(_ text: Substring) -> (Substring, Substring?) {
        guard let colon = text.firstIndex(of: ":") else { return (text, nil) }
        return (text[..<colon], text[text.index(after: colon)...])
    }

    /// - Parameter whose: what the text was found in, for messages. They do not repeat the text: where a password holds a
    ///   character that should have been escaped, a part of it ends up here.
    private static func hosts(
        _ text: Substring, port standard: UInt16, _ whose: String
    ) throws(MariaDBAddressError) -> [Endpoint] {
        var endpoints: [Endpoint] = []
        for (index, place) in text.split(separator: ",", omittingEmptySubsequences: false).enumerated() {
            let which = "host \(index + 1) of \(whose)"
            var host = place
            var port: Substring?
            if place.first == "[" {
                guard let close = place.lastIndex(of: "]") else {
                    throw MariaDBAddressError("\(which) begins with [ and has no ]; write [::1]:3306")
                }
                host = place[place.index(after: place.startIndex)..<close]
                let rest = place[place.index(after: close)...]
                guard rest.isEmpty || rest.first == ":" else {
                    throw MariaDBAddressError("after the ] of \(which) comes no port; write [::1]:3306")
                }
                port = rest.isEmpty ? nil : rest.dropFirst()
            } else if place.utf8.count(where: { $0 == UInt8(ascii: ":") }) == 1 {
                (host, port) = split(place)
            }
            let allowed = host.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || ".-_:%".utf8.contains(byte)
            }
            guard !host.isEmpty, allowed else {
                throw MariaDBAddressError(
                    "\(which) is no name or address; in a URL write / ? # @ and % of a user or password as %2F %3F %23 %40 %25"
                )
            }
            var number = standard
            if let port {
                guard port.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
                    let parsed = UInt16(port), parsed > 0
                else {
                    throw MariaDBAddressError(
                        "the port of \(which) is no number of 1 to 65535; "
                            + "in a URL write / ? # @ and % of a user or password as %2F %3F %23 %40 %25")
                }
                number = parsed
            }
            endpoints.append(.tcp(host: String(host), port: number))
        }
        return endpoints
    }

    /// Takes in the parameters.
    ///
    /// - Returns: the socket's path, when there is one.
    private mutating func take(_ query: Substring, alsoSocket: Bool) throws(MariaDBAddressError) -> String? {
        var socket: String?
        var requirement: MariaDBTLS.Requirement?
        for part in query.split(separator: "&") {
            guard let equals = part.firstIndex(of: "=") else {
                throw MariaDBAddressError("a parameter has no =; write them like ?tls=required&ca=/path")
            }
            let name = String(part[..<equals])
            let value = try Self.decoded(part[part.index(after: equals)...], "a parameter")
            switch name {
            case "tls": requirement = try Self.requirement(value)
            case "ca": tls.authorityFile = value
            case "cert": tls.certificateFile = value
            case "key": tls.keyFile = value
            case "socket" where alsoSocket:
                guard value.hasPrefix("/") else {
                    throw MariaDBAddressError("the path of its socket does not begin with /; write socket=/path")
                }
                socket = value
            default: ignoredParameters.append(name)
            }
        }
        guard (tls.certificateFile == nil) == (tls.keyFile == nil) else {
            throw MariaDBAddressError("cert and key belong together, and one of them is missing")
        }
        tls.requirement = requirement ?? (tls.authorityFile == nil ? .off : .verified)
        return socket
    }

    private static func requirement(_ text: String) throws(MariaDBAddressError) -> MariaDBTLS.Requirement {
        if let known = MariaDBTLS.Requirement(rawValue: text.lowercased()) { return known }
        switch text.lowercased() {
        case "true", "1": return .verified
        case "false", "0": return .off
        case "skip-verify": return .required
        case "preferred": return .offered
        default:
            // Go programs register TLS settings under names of their own.
            throw MariaDBAddressError(
                "tls is none of off, offered, required and verified; write tls=verified&ca=/path for a name of your own"
            )
        }
    }

    private static func decoded(_ text: Substring, _ what: String) throws(MariaDBAddressError) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2).compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
            guard digits.count == 2 else {
                throw MariaDBAddressError(
                    "a % in \(what) is not followed by two hexadecimal digits; write a % itself as %25")
            }
            bytes.append(UInt8(digits[0] * 16 + digits[1]))
            rest = rest.dropFirst(2)
        }
        guard !bytes.contains(0) else { throw MariaDBAddressError("a NUL is in \(what)") }
        guard let string = String(validating: bytes, as: UTF8.self) else {
            throw MariaDBAddressError("\(what) is no UTF-8")
        }
        return string
    }
}
