@testable import MariaDB
import Testing

@Suite struct MariaDBAddressTests {
    /// What a text means, short: endpoints, user, password, database.
    struct Meaning: Equatable, Sendable {
        var endpoints: [MariaDBAddress.Endpoint]
        var user = ""
        var password: String?
        var database = ""

        init(
            _ endpoints: [MariaDBAddress.Endpoint], _ user: String = "", _ password: String? = nil,
            _ database: String = ""
        ) {
            (self.endpoints, self.user, self.password, self.database) = (endpoints, user, password, database)
        }

        init(_ address: MariaDBAddress) {
            self.init(address.endpoints, address.user, address.password?.text, address.database)
        }
    }

    private static let local = MariaDBAddress.Endpoint.tcp(host: "127.0.0.1", port: 3306)

    @Test(arguments: [
        ("user:password@tcp(host:3307)/db", Meaning([.tcp(host: "host", port: 3307)], "user", "password", "db")),
        (
            "user:password@tcp(host)/db?parseTime=true",
            Meaning([.tcp(host: "host", port: 3306)], "user", "password", "db")
        ),
        ("user@unix(/run/mysqld/mysqld.sock)/db", Meaning([.unix(path: "/run/mysqld/mysqld.sock")], "user", nil, "db")),
        ("user:p@ss:w/o?rd#100%@tcp(h)/db", Meaning([.tcp(host: "h", port: 3306)], "user", "p@ss:w/o?rd#100%", "db")),
        ("user:a)b(c@tcp(h)/db", Meaning([.tcp(host: "h", port: 3306)], "user", "a)b(c", "db")),
        ("user://begins@tcp(h)/db", Meaning([.tcp(host: "h", port: 3306)], "user", "//begins", "db")),
        ("user:ütf8 \u{1F511}@tcp(h)/db", Meaning([.tcp(host: "h", port: 3306)], "user", "ütf8 \u{1F511}", "db")),
        ("user:@tcp(h)/db", Meaning([.tcp(host: "h", port: 3306)], "user", "", "db")),
        (
            "user@tcp([de:ad:be:ef::ca:fe]:80)/db",
            Meaning([.tcp(host: "de:ad:be:ef::ca:fe", port: 80)], "user", nil, "db")
        ),
        ("user:password@/db", Meaning([local], "user", "password", "db")),
        ("user@tcp/db", Meaning([local], "user", nil, "db")),
        ("/", Meaning([local])),
        ("/d%2Fb", Meaning([local], "", nil, "d/b")),
    ])
    func `what Go's driver takes is read as it reads it`(_ text: String, _ meaning: Meaning) throws {
        #expect(Meaning(try MariaDBAddress(parsing: text)) == meaning)
    }

    @Test(arguments: [
        ("mariadb://user:password@host:3307/db", Meaning([.tcp(host: "host", port: 3307)], "user", "password", "db")),
        ("mysql://user@host/db", Meaning([.tcp(host: "host", port: 3306)], "user", nil, "db")),
        ("MariaDB://host", Meaning([.tcp(host: "host", port: 3306)])),
        (
            "mariadb://u:p@host1:3306,host2,[::1]:3308/db",
            Meaning(
                [.tcp(host: "host1", port: 3306), .tcp(host: "host2", port: 3306), .tcp(host: "::1", port: 3308)], "u",
                "p", "db")
        ),
        (
            "mariadb://u%40x:p%40%2F%3F%3A%25%23@h/d%2Db",
            Meaning([.tcp(host: "h", port: 3306)], "u@x", "p@/?:%#", "d-b")
        ),
        ("mariadb://u:p:q@h/db", Meaning([.tcp(host: "h", port: 3306)], "u", "p:q", "db")),
        ("mariadb://u:p@q@h/db", Meaning([.tcp(host: "h", port: 3306)], "u", "p@q", "db")),
        ("mariadb://u:p@/db?socket=/run/a%20b.sock", Meaning([.unix(path: "/run/a b.sock")], "u", "p", "db")),
        ("mariadb://u@localhost/db?socket=/run/m.sock", Meaning([.unix(path: "/run/m.sock")], "u", nil, "db")),
    ])
    func `a URL is read with all its hosts`(_ text: String, _ meaning: Meaning) throws {
        #expect(Meaning(try MariaDBAddress(parsing: text)) == meaning)
    }

    @Test(arguments: [
        ("u@tcp(h)/db", MariaDBTLS.Requirement.off, nil),
        ("u@tcp(h)/db?tls=true", .verified, nil),
        ("u@tcp(h)/db?tls=skip-verify", .required, nil),
        ("u@tcp(h)/db?tls=preferred", .offered, nil),
        ("u@tcp(h)/db?tls=false&parseTime=true", .off, nil),
        ("u@tcp(h)/db?tls=required&ca=%2Fetc%2Fca.pem", .required, "/etc/ca.pem"),
        ("mariadb://u@h/db?tls=required&ca=/etc/ca.pem", .required, "/etc/ca.pem"),
        ("mariadb://u@h/db?tls=verified", .verified, nil),
        ("mariadb://u@h/db?ca=/etc/ca.pem", .verified, "/etc/ca.pem"),
        ("mariadb://u@h/db?tls=offered", .offered, nil),
    ])
    func `TLS is said in either's words`(_ text: String, _ requirement: MariaDBTLS.Requirement, _ file: String?) throws
    {
        let tls = try MariaDBAddress(parsing: text).tls
        #expect(tls == MariaDBTLS(requirement, authorityFile: file))
    }

    @Test func `parameters for Go programs are told apart`() throws {
        let address = try MariaDBAddress(parsing: "u@tcp(h)/db?parseTime=true&loc=Local&tls=required&cert=c&key=k")
        #expect(address.ignoredParameters == ["parseTime", "loc"])
        #expect(address.tls.certificateFile == "c" && address.tls.keyFile == "k")
    }

    /// The password of each is `hunter2`, or parts of it: no error may hold any of them.
    @Test(arguments: [
        ("user:hunter2@tcp(h)", "no / before the name of a database"),
        ("user:hunter2", "no / before the name of a database"),
        ("user:hunter2@udp(h)/db", "neither tcp(host:port) nor unix(/path)"),
        ("user:hunter2@h/db", "neither tcp(host:port) nor unix(/path)"),
        ("user:hunter2@tcp(h)/db?ca=/etc/ca.pem", "a / after the ? as %2F"),
        ("user:hunter2@tcp(h:port)/db", "is no number of 1 to 65535"),
        ("user:hunter2@tcp(h:0)/db", "is no number of 1 to 65535"),
        ("user:hunter2@tcp(h:+80)/db", "is no number of 1 to 65535"),
        ("user:hunter2@unix(run/sock)/db", "does not begin with /"),
        ("user:hunter2@tcp(h)/db?tls=mine", "tls=verified&ca=/path"),
        ("user:hunter2@tcp(h)/db?tls", "has no ="),
        ("postgres://user:hunter2@h/db", "neither mariadb nor mysql"),
        ("mariadb://user:hunter2@/db", "names no host"),
        ("mariadb://user:hunter2@h:99999/db", "is no number of 1 to 65535"),
        ("mariadb://user:hunter2@h,/db", "host 2 of the URL"),
        ("mariadb://user:hunter2@[::1/db", "has no ]"),
        ("mariadb://user:hunter2%4@h/db", "write a % itself as %25"),
        ("mariadb://user:hunter2%00@h/db", "a NUL is in the password"),
        ("mariadb://user:hunter2%FF@h/db", "no UTF-8"),
        ("mariadb://user:hun/ter2@h/db", "write / ? and @ as"),
        ("mariadb://user:12/hunter2@h", "write / ? and @ as"),
        ("mariadb://user:12?hunter2=ter2@h/db", "write / ? and @ as"),
        ("mariadb://user:hunter2#x@h/db", "write it as %23"),
        ("mariadb://user:hun?ter2", "is no number of 1 to 65535"),
        ("mariadb://user:hunter2@h/db?socket=/run/m.sock", "both hosts and a socket"),
        ("mariadb://user:hunter2@h/db?cert=/c", "belong together"),
        ("mariadb://user:hunter2@h/db/more", "after the name of the database"),
    ])
    func `an error says what to write and repeats no password`(_ text: String, _ words: String) throws {
        let error = try #require(throws: MariaDBAddressError.self) { try MariaDBAddress(parsing: text) }
        #expect(error.description.contains(words), "\(error)")
        for secret in ["hunter2", "hun", "ter2"] { #expect(!error.description.contains(secret), "\(error)") }
    }

    @Test func `the environment names a host, several, or a socket`() throws {
        var environment = ["DB_HOST": "h", "DB_PORT": "3307", "DB_USER": "u", "DB_PASSWORD": "p@:/ w", "DB_NAME": "d"]
        #expect(
            Meaning(try MariaDBAddress(environment: environment))
                == Meaning([.tcp(host: "h", port: 3307)], "u", "p@:/ w", "d"))
        environment["DB_HOST"] = "a,b:1"
        environment["DB_PASSWORD"] = ""
        environment["DB_PORT"] = nil
        #expect(
            Meaning(try MariaDBAddress(environment: environment))
                == Meaning([.tcp(host: "a", port: 3306), .tcp(host: "b", port: 1)], "u", nil, "d"))
        environment["DB_HOST"] = "/run/m.sock"
        #expect(try MariaDBAddress(environment: environment).endpoints == [.unix(path: "/run/m.sock")])
    }

    @Test(arguments: [
        ("DB_HOST", "", "DB_HOST is not set; set it like DB_HOST=127.0.0.1"), ("DB_USER", "", "DB_USER is not set"),
        ("DB_NAME", "", "DB_NAME is not set"), ("DB_PORT", "x", "DB_PORT is no number"),
        ("DB_HOST", "h:x", "the port of host 1 of DB_HOST"),
    ])
    func `a name that is missing or wrong in the environment is told`(
        _ name: String, _ value: String, _ words: String
    ) throws {
        var environment = ["DB_HOST": "h", "DB_USER": "u", "DB_PASSWORD": "hunter2", "DB_NAME": "d"]
        environment[name] = value
        let error = try #require(throws: MariaDBAddressError.self) { try MariaDBAddress(environment: environment) }
        #expect(error.description.contains(words) && !error.description.contains("hunter2"), "\(error)")
    }

    @Test func `no description shows the password`() throws {
        let address = try MariaDBAddress(parsing: "mariadb://u:hunter2@h,[::1]:1/db?tls=required")
        #expect(address.description == "mariadb://u@h:3306,[::1]:1/db")
        var dumped = ""
        dump(address, to: &dumped)
        dump(address.password, to: &dumped)
        dumped += "\(String(reflecting: address)) \(String(describing: address.password)) \(Optional(address) as Any)"
        #expect(!dumped.contains("hunter2"), "\(dumped)")
    }
}
