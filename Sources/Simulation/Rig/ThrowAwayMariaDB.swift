import ActorThreads
import Glibc
public import LinuxCalls
public import MariaDB
public import SQL

/// A MariaDB server for a test or a demo, in a directory of its own: it listens on a unix socket and on a free port of the
/// loopback interface, lets `root` in without a password, and is gone with all its files when this process is, however that
/// went.
///
/// Works as root and as any other user. It is told to keep no configuration of the machine's, and ended by its number alone.
public actor ThrowAwayMariaDB {
    public struct Options: Sendable {
        /// Whether it writes a binary log, in the format ROW.
        public var keepsBinaryLog = false
        /// Whether it offers TLS, with a certificate for `localhost` and `127.0.0.1` that ``authorityFile`` is the signer of.
        public var offersTLS = false
        /// More of mariadbd's options (mariadb.com/kb/en/mariadbd-options), such as `--max-connections=3`.
        public var settings: [String] = []

        public init(keepsBinaryLog: Bool = false, offersTLS: Bool = false, settings: [String] = []) {
            self.keepsBinaryLog = keepsBinaryLog
            self.offersTLS = offersTLS
            self.settings = settings
        }
    }

    /// It did not start.
    public struct StartFailure: Error, CustomStringConvertible {
        public let description: String
    }

    private let executor = ThreadExecutor(name: "mariadb-rig")
    private let options: Options
    private let directory: String
    private var process: ChildProcess?
    private var databases = 0

    /// Where it listens.
    public nonisolated let socket: String
    public nonisolated let port: UInt16

    /// Connecting blocks: it has a thread of its own.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Why there can be none on this machine, in words for a person; nil when there can.
    public static let obstacle: String? = {
        let missing = ["mariadbd", "mariadb-install-db"].filter { path(of: $0) == nil }
        return missing.isEmpty ? nil : "\(missing.joined(separator: " and ")) is not installed (package mariadb-server)"
    }()

    /// Starts one and waits until it lets us in: some 0.3 s, and at the first of this process 0.7 s more.
    ///
    /// - Throws: ``StartFailure`` with the end of its log, ``LinuxCalls/SystemCallError``.
    public init(_ options: Options = Options()) async throws {
        self.options = options
        let files = try await MariaDBFiles.shared.value
        directory = files.directory
        port = try FreePort.find()
        socket = "\(directory)/\(port).sock"
        try await copyTemplate(files.template)
        if options.offersTLS { try await makeCertificates() }
        try await start()
    }

    /// The one that the tests of a process share; it keeps a binary log. It ends with the process.
    public static func shared() async throws -> ThrowAwayMariaDB { try await sharedServer.value }

    private static let sharedServer = Task { try await ThrowAwayMariaDB(Options(keepsBinaryLog: true)) }

    // MARK: What it holds

    /// How to get in as `root`, over the unix socket or over TCP.
    public nonisolated func address(database: String = "", overTCP: Bool = false) -> MariaDBAddress {
        MariaDBAddress(
            endpoints: [overTCP ? .tcp(host: "127.0.0.1", port: port) : .unix(path: socket)], user: "root",
            database: database)
    }

    /// Makes an empty database, and tells how to get in. Its texts compare by their bytes.
    public func freshDatabase() throws(SQLError) -> MariaDBAddress {
        databases += 1
        let name = "test_\(databases)"
        let connection = try MariaDBConnection(address())
        try connection.execute("CREATE DATABASE \(name) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin")
        return address(database: name)
    }

    /// A database of its own, as programs are told of it.
    public struct Database: Sendable {
        public let name: String
        /// The server's.
        public let socket: String

        /// As hawserd takes it. No password is in it.
        public var url: String { "mariadb://root@localhost/\(name)?socket=\(socket)" }

        /// Runs SQL with the client that people use, and writes what it says to the standard streams.
        ///
        /// - Returns: whether the client was content.
        public func mariadb(_ sql: String) async throws -> Bool {
            let child = try ChildProcess(
                starting: .init(
                    "mariadb",
                    ["--no-defaults", "--socket=\(socket)", "--user=root", "--table", name, "--execute=\(sql)"],
                    output: .inherited, errors: .inherited))
            return await child.waitForExit() == .exited(code: 0)
        }
    }

    /// Makes an empty database for programs.
    public func emptyDatabase() throws(SQLError) -> Database {
        Database(name: try freshDatabase().database, socket: socket)
    }

    /// The signer of its certificate, a PEM file, when it offers TLS.
    public nonisolated var authorityFile: String { "\(directory)/\(port)/authority.pem" }

    /// What it has written about itself.
    public func log() throws(SystemCallError) -> String { try readTextFile("\(directory)/\(port)/log") }

    // MARK: Its life

    /// Starts it again on what it had, and waits until it lets us in.
    public func start() async throws {
        guard process?.isRunning != true else { return }
        guard let program = Self.path(of: "mariadbd") else { throw StartFailure(description: Self.obstacle ?? "") }
        let own = "\(directory)/\(port)"
        var arguments = [
            "--no-defaults", "--datadir=\(own)/data", "--tmpdir=\(own)", "--socket=\(socket)",
            "--pid-file=\(own)/server.pid", "--bind-address=127.0.0.1", "--port=\(port)", "--skip-name-resolve",
            "--max-connections=2000",
            // Small and quick; what was committed outlives the process, though not the machine. Without --debug-no-sync a table
            // takes 50 ms to make.
            "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=2",
            "--innodb-doublewrite=0", "--sync-binlog=0", "--debug-no-sync", "--performance-schema=OFF",
            "--key-buffer-size=1M",
            "--aria-pagecache-buffer-size=1M",
        ]
        if geteuid() == 0 { arguments.append("--user=root") }
        if options.keepsBinaryLog { arguments += ["--log-bin=\(own)/binlog", "--binlog-format=ROW", "--server-id=1"] }
        if options.offersTLS {
            arguments += ["--ssl-ca=\(authorityFile)", "--ssl-cert=\(own)/server.pem", "--ssl-key=\(own)/server.key"]
        }
        let child = try ChildProcess(
            starting: .init(
                program, arguments + options.settings, output: .appended(to: "\(own)/log"),
                errors: .appended(to: "\(own)/log"), startsSession: true))
        process = child
        try writeFile("\(own)/process", bytes: Array("\(child.processID)".utf8))
        try await wait(for: "mariadbd to let us in") {
            if let status = child.exitStatus {
                let end = ((try? self.log()) ?? "").suffix(2_000)
                throw StartFailure(description: "mariadbd ended (\(status)): \(end)")
            }
            do throws(SQLError) { _ = try MariaDBConnection(self.address()) } catch {
                // The only reason that passes by itself. Whoever limits its users has his own ways in.
                guard error.kind == .disconnected, error.code == 2002 else { return true }
                return false
            }
            return true
        }
    }

    /// Ends it as a power cut would.
    public func kill() async {
        process?.send(signal: SIGKILL)
        _ = await process?.waitForExit()
    }

    /// Asks it to end, and waits until it has.
    public func stop() async { await process?.stop(grace: .seconds(20)) }

    /// Gives it no more processor, as when its machine hangs: connections stay, and nothing is answered. When this returns,
    /// its last thread has stopped.
    public func pause() async throws {
        guard let process else { return }
        process.send(signal: SIGSTOP)
        let tasks = "/proc/\(process.processID)/task"
        try await wait(for: "mariadbd to have stopped") {
            try directoryEntries(tasks).allSatisfy { thread in
                // A thread that ended meanwhile has no file.
                guard let line = try? readTextFile("\(tasks)/\(thread)/stat"), let name = line.lastIndex(of: ")") else {
                    return true
                }
                return line[name...].dropFirst(2).first == "T"
            }
        }
    }

    public func resume() { process?.send(signal: SIGCONT) }

    /// Ends it and removes its files, before this process ends.
    public func remove() async throws(SystemCallError) {
        await kill()
        try removeTree("\(directory)/\(port)")
    }

    // MARK: -

    static func path(of program: String) -> String? {
        ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"].map { "\($0)/\(program)" }
            .first { access($0, X_OK) == 0 }
    }

    private func copyTemplate(_ template: String) async throws {
        try createDirectories("\(directory)/\(port)", mode: 0o700)
        try await Self.succeed("cp", ["-a", template, "\(directory)/\(port)/data"])
    }

    private func makeCertificates() async throws {
        let own = "\(directory)/\(port)"
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        try await Self.succeed(
            "openssl",
            ["req", "-x509"] + key + [
                "-days", "2", "-subj", "/CN=hawser throw-away authority", "-keyout", "\(own)/authority.key", "-out",
                authorityFile,
            ])
        try await Self.succeed(
            "openssl",
            ["req"] + key + ["-subj", "/CN=localhost", "-keyout", "\(own)/server.key", "-out", "\(own)/server.csr"])
        try writeFile("\(own)/names", bytes: Array("subjectAltName=DNS:localhost,IP:127.0.0.1".utf8))
        try await Self.succeed(
            "openssl",
            [
                "x509", "-req", "-in", "\(own)/server.csr", "-CA", authorityFile, "-CAkey", "\(own)/authority.key",
                "-CAcreateserial", "-days", "2", "-extfile", "\(own)/names", "-out", "\(own)/server.pem",
            ])
    }

    static func succeed(_ program: String, _ arguments: [String]) async throws {
        let outcome = try await ChildProcess.run(.init(program, arguments))
        guard outcome.status.isSuccess else {
            throw StartFailure(description: "\(program) failed: \(outcome.errors)\(outcome.output)")
        }
    }
}

/// The directory of all throw-away servers of this process, and the data that each begins with.
private struct MariaDBFiles {
    let directory: String
    let template: String

    static let shared = Task { try await MariaDBFiles() }

    private init() async throws {
        guard let installer = ThrowAwayMariaDB.path(of: "mariadb-install-db") else {
            throw ThrowAwayMariaDB.StartFailure(description: ThrowAwayMariaDB.obstacle ?? "")
        }
        directory = try TemporaryDirectory(prefix: "hawser-mariadb", keeps: true).path
        try Self.cleanUpWithThisProcess(directory)
        template = "\(directory)/template"
        var arguments = [
            "--no-defaults", "--datadir=\(template)", "--auth-root-authentication-method=normal", "--skip-test-db",
            "--skip-name-resolve", "--innodb-log-file-size=8M",
        ]
        if geteuid() == 0 { arguments.append("--user=root") }
        try await ThrowAwayMariaDB.succeed(installer, arguments)
    }

    /// When this process is gone, also by SIGKILL, a shell that holds the other end of a line ends its servers, each as long as
    /// the number still is that server's, and removes the directory.
    private static func cleanUpWithThisProcess(_ directory: String) throws {
        let line = try SocketPair()
        _ = try ChildProcess(
            starting: .init(
                "/bin/sh", ["-c", script, "guard", directory], input: .descriptor(line.far.number),
                output: .discarded, errors: .discarded, startsSession: true))
        // Open from now on, until the kernel closes it.
        _ = line.takeNear().relinquish()
    }

    private static let script = """
        read -r _
        for own in "$1"/*/process; do
            number=$(cat "$own") || continue
            tr '\\0' '\\n' <"/proc/$number/cmdline" | grep -qxF -- "--pid-file=${own%/process}/server.pid" || continue
            kill -KILL "$number"
        done
        for try in 1 2 3 4 5 6 7 8 9 10; do
            rm -rf "$1" && exit
            sleep 0.1
        done
        """
}
