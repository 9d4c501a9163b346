// swift-tools-version: 6.2
import PackageDescription

// The tree is the map: docs/architecture.md tells what each part is for and who may know whom.

/// `make fuzz` sets it: all is then compiled for libFuzzer, and Tests/Fuzzing is a program instead of tests.
let isFuzzing = Context.environment["HAWSER_FUZZING"] != nil

/// libFuzzer sees which branches an input takes; the checks see what only the module itself does.
let watched: [SwiftSetting] = isFuzzing ? [.unsafeFlags(["-sanitize=fuzzer", "-enable-testing"])] : []

/// Settings of every Swift target: a warning stops the build, and an import leaks to callers only when it says so.
let strict: [SwiftSetting] =
    watched + [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .treatAllWarnings(as: .error),
    ]

/// Settings of the pure targets, which also promise to hold no unsafe code.
let pure = strict + [.strictMemorySafety()]

// MARK: - What each layer is made of

/// Pure Swift: no I/O, no Foundation, no wall clock.
func core(_ name: String, uses dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/Core/\(name)", swiftSettings: pure)
}

/// A module map over one C library of Debian's; `pkgConfig` finds it, `package` is what provides it.
func cLibrary(_ name: String, pkgConfig: String? = nil, package: String? = nil) -> Target {
    .systemLibrary(
        name: name, path: "Sources/CLibraries/\(name)", pkgConfig: pkgConfig, providers: package.map { [.apt([$0])] })
}

/// The one owner of a C library in Swift. It knows nothing of volumes.
func library(_ name: String, uses dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/Libraries/\(name)", swiftSettings: strict)
}

/// One outside system, in terms of VolumeModel.
func system(_ name: String, at folder: String? = nil, uses dependencies: [Target.Dependency]) -> Target {
    .target(
        name: name, dependencies: dependencies, path: "Sources/Systems/\(folder ?? name)", swiftSettings: strict)
}

/// A world that breaks on purpose.
func simulation(_ name: String, uses dependencies: [Target.Dependency], settings: [SwiftSetting] = strict) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/Simulation/\(name)", swiftSettings: settings)
}

func program(_ name: String, uses dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies, path: "Sources/Programs/\(name)", swiftSettings: strict)
}

/// A program that reads what Tests/Fuzzing checks. libFuzzer has a `main` of its own: there the program is one more module,
/// and its entry, under another name, is never called.
func fuzzedProgram(_ name: String, uses dependencies: [Target.Dependency]) -> Target {
    guard isFuzzing else { return program(name, uses: dependencies) }
    let renamed = ["-Xfrontend", "-entry-point-function-name", "-Xfrontend", "\(name)_main"]
    return .target(
        name: name, dependencies: dependencies, path: "Sources/Programs/\(name)",
        swiftSettings: strict + [.unsafeFlags(renamed)])
}

/// The tests of one module lie where the module lies, with "Tests" after its name; `data` is what lies there beside Swift.
func tests(
    of name: String, in layer: String, uses dependencies: [Target.Dependency] = [], data: [String] = []
) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.target(name: name)] + dependencies,
        path: "Tests/\(layer)/\(name)Tests", exclude: data, swiftSettings: strict)
}

/// What reads outside input, under whatever bytes: as tests it replays the corpus, under libFuzzer it looks for more.
func fuzzing(uses dependencies: [Target.Dependency]) -> Target {
    let path = "Tests/Fuzzing"
    guard isFuzzing else {
        return .testTarget(
            name: "FuzzingTests", dependencies: dependencies, path: path, exclude: ["corpus", "LibFuzzer.swift"],
            swiftSettings: strict)
    }
    return .executableTarget(
        name: "hawser-fuzz", dependencies: dependencies, path: path, exclude: ["corpus", "CorpusTests.swift"],
        swiftSettings: strict, linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])])
}

// MARK: - The package

let package = Package(
    name: "hawser",
    products: isFuzzing
        ? []
        : [
            .executable(name: "hawser", targets: ["hawser"]),
            .executable(name: "hawserd", targets: ["hawserd"]),
            .executable(name: "hawser-simulator", targets: ["hawser-simulator"]),
        ],
    targets: [
        // Core
        core("VolumeModel"),
        core("Planning", uses: ["VolumeModel"]),
        core("Reconciliation", uses: ["VolumeModel", "Planning"]),

        // C libraries
        cLibrary("CLinux"),
        cLibrary("CCrypto", pkgConfig: "libcrypto", package: "libssl-dev"),
        cLibrary("CCurl", pkgConfig: "libcurl", package: "libcurl4-openssl-dev"),
        cLibrary("CMariaDB", pkgConfig: "libmariadb", package: "libmariadb-dev"),
        cLibrary("CMicrohttpd", pkgConfig: "libmicrohttpd", package: "libmicrohttpd-dev"),
        cLibrary("CMount", pkgConfig: "mount", package: "libmount-dev"),
        cLibrary("CNBD", pkgConfig: "libnbd", package: "libnbd-dev"),
        cLibrary("CSQLite", pkgConfig: "sqlite3", package: "libsqlite3-dev"),
        cLibrary("CSystemd", pkgConfig: "libsystemd", package: "libsystemd-dev"),
        cLibrary("CUdev", pkgConfig: "libudev", package: "libudev-dev"),
        cLibrary("CYAML", pkgConfig: "yaml-0.1", package: "libyaml-dev"),
        .target(
            name: "CSimdjson", path: "Sources/CLibraries/CSimdjson", cxxSettings: [.unsafeFlags(["-O3"])],
            linkerSettings: [.linkedLibrary("simdjson")]),

        // Libraries. ActorThreads is the ground that the others stand on: a lock, and executors; SQL is what databases have in
        // common.
        library("ActorThreads", uses: ["CLinux"]),
        library("Arguments"),
        library("Crypto", uses: ["CCrypto"]),
        library("Curl", uses: ["CCurl", "ActorThreads"]),
        library("HTTPServer", uses: ["CMicrohttpd", "CLinux", "ActorThreads"]),
        library("JSON", uses: ["CSimdjson"]),
        library("LinuxCalls", uses: ["CLinux", "ActorThreads"]),
        library("MariaDB", uses: ["CMariaDB", "ActorThreads", "SQL"]),
        library("MountTable", uses: ["CMount"]),
        library("NBD", uses: ["CNBD"]),
        library("SQL"),
        library("SQLite", uses: ["CSQLite", "SQL"]),
        library("Systemd", uses: ["CSystemd"]),
        library("Udev", uses: ["CUdev", "CLinux"]),
        library("UnixHTTP", uses: ["ActorThreads"]),
        library("YAML", uses: ["CYAML"]),

        // Systems
        system("CloudStack", uses: ["VolumeModel", "Reconciliation", "ActorThreads", "Crypto", "Curl", "JSON"]),
        system("ControlAPIModel", at: "ControlAPI/Model", uses: ["VolumeModel", "JSON"]),
        system(
            "ControlAPI", at: "ControlAPI/Server",
            uses: [
                "VolumeModel", "Planning", "Reconciliation", "ControlAPIModel", "HTTPServer", "ActorThreads",
                "LinuxCalls",
            ]),
        system("ControlAPIClient", at: "ControlAPI/Client", uses: ["ControlAPIModel", "JSON", "UnixHTTP"]),
        system(
            "LegacyDaemon",
            uses: ["VolumeModel", "Reconciliation", "ActorThreads", "Crypto", "JSON", "LinuxCalls", "MariaDB", "SQL"]),
        system(
            "LinuxDevices",
            uses: ["VolumeModel", "Reconciliation", "ActorThreads", "LinuxCalls", "MountTable", "Udev"]),
        system("Manifests", at: "Manifests/Reading", uses: ["VolumeModel", "Arguments", "YAML"]),
        system(
            "ManifestFollowing", at: "Manifests/Following",
            uses: ["VolumeModel", "Reconciliation", "Manifests", "LinuxCalls"]),
        system("NBDExports", uses: ["VolumeModel", "Reconciliation", "ActorThreads", "LinuxCalls", "NBD"]),
        system("ServiceStatus", uses: ["VolumeModel", "Reconciliation", "Systemd"]),
        system(
            "Store",
            uses: [
                "VolumeModel", "Planning", "Reconciliation", "ActorThreads", "LinuxCalls", "MariaDB", "SQL", "SQLite",
            ]),

        // Simulation
        simulation("CloudStackModel", uses: ["VolumeModel"], settings: pure),
        simulation(
            "CloudStackSimulator",
            uses: ["CloudStackModel", "VolumeModel", "ActorThreads", "Crypto", "HTTPServer", "LinuxCalls"]),
        simulation(
            "SimulatedWorld", uses: ["VolumeModel", "Planning", "Reconciliation", "CloudStack", "CloudStackModel"]),
        simulation(
            "Rig",
            uses: [
                "VolumeModel", "ActorThreads", "ControlAPIModel", "ControlAPIClient", "Curl", "LinuxCalls", "MariaDB",
                "NBD",
                "SQL",
            ]),

        // Programs
        fuzzedProgram(
            "hawserd",
            uses: [
                "VolumeModel", "Planning", "Reconciliation", "ActorThreads", "Arguments", "LinuxCalls", "MariaDB",
                "YAML",
                "HTTPServer", "NBD", "Systemd", "CloudStack", "ControlAPI", "ControlAPIModel", "LegacyDaemon",
                "LinuxDevices",
                "ManifestFollowing", "Manifests", "NBDExports", "ServiceStatus", "Store",
            ]),
        fuzzedProgram(
            "hawser",
            uses: [
                "VolumeModel", "Arguments", "ControlAPIModel", "ControlAPIClient", "LinuxCalls", "Manifests", "YAML",
            ]),
        program(
            "hawser-simulator",
            uses: ["Arguments", "CloudStackModel", "CloudStackSimulator", "LinuxCalls", "YAML"]),
        program("hawser-trials", uses: ["Arguments", "SimulatedWorld"]),
        program(
            "hawser-chaos",
            uses: ["VolumeModel", "Arguments", "ControlAPIClient", "ControlAPIModel", "LinuxCalls", "Rig"]),
        program("hawser-demo", uses: ["Arguments", "ControlAPIClient", "ControlAPIModel", "LinuxCalls", "Rig"]),
        program(
            "hawser-bench",
            uses: [
                "VolumeModel", "Planning", "Reconciliation", "Arguments", "CloudStack", "ControlAPIClient", "Curl",
                "LinuxCalls", "LinuxDevices", "MariaDB", "Udev",
                "Rig", "SimulatedWorld", "SQL", "SQLite", "Store",
            ]),

        // Tests
        tests(of: "VolumeModel", in: "Core"),
        tests(of: "Planning", in: "Core", uses: ["VolumeModel"]),
        tests(of: "Reconciliation", in: "Core", uses: ["VolumeModel", "Planning"]),
        tests(of: "Arguments", in: "Libraries"),
        tests(of: "ActorThreads", in: "Libraries"),
        tests(of: "Crypto", in: "Libraries"),
        tests(of: "Curl", in: "Libraries", uses: ["HTTPServer", "ActorThreads"]),
        tests(of: "HTTPServer", in: "Libraries", uses: ["Curl", "ActorThreads", "LinuxCalls"]),
        tests(of: "JSON", in: "Libraries"),
        tests(of: "LinuxCalls", in: "Libraries", uses: ["ActorThreads"]),
        tests(of: "MariaDB", in: "Libraries", uses: ["SQL", "ActorThreads", "LinuxCalls", "Rig"]),
        tests(of: "MountTable", in: "Libraries"),
        tests(of: "NBD", in: "Libraries", uses: ["LinuxCalls"]),
        tests(of: "SQL", in: "Libraries", uses: ["SQLite", "MariaDB", "LinuxCalls", "Rig"]),
        tests(of: "SQLite", in: "Libraries"),
        tests(of: "Systemd", in: "Libraries", uses: ["LinuxCalls"]),
        tests(of: "Udev", in: "Libraries", uses: ["LinuxCalls"]),
        tests(of: "UnixHTTP", in: "Libraries", uses: ["HTTPServer", "LinuxCalls"]),
        tests(of: "YAML", in: "Libraries"),
        tests(
            of: "CloudStack", in: "Systems",
            uses: [
                "VolumeModel", "Reconciliation", "CloudStackModel", "CloudStackSimulator", "HTTPServer", "Crypto",
                "ActorThreads", "Curl", "JSON", "LinuxCalls",
            ]),
        tests(
            of: "ControlAPI", in: "Systems",
            uses: [
                "VolumeModel", "Planning", "Reconciliation", "ControlAPIModel", "ControlAPIClient", "Curl",
                "HTTPServer",
                "JSON", "LinuxCalls",
            ]),
        tests(
            of: "LegacyDaemon", in: "Systems",
            uses: ["VolumeModel", "Reconciliation", "Crypto", "LinuxCalls", "MariaDB", "Rig", "SQL"]),
        tests(of: "LinuxDevices", in: "Systems", uses: ["VolumeModel", "Reconciliation", "LinuxCalls", "Rig"]),
        tests(of: "Manifests", in: "Systems", uses: ["VolumeModel", "LinuxCalls", "YAML"]),
        tests(
            of: "ManifestFollowing", in: "Systems", uses: ["VolumeModel", "Reconciliation", "LinuxCalls", "Store"]),
        tests(
            of: "NBDExports", in: "Systems",
            uses: ["VolumeModel", "Reconciliation", "ActorThreads", "LinuxCalls", "NBD"]),
        tests(of: "ServiceStatus", in: "Systems", uses: ["VolumeModel", "Reconciliation"]),
        tests(
            of: "Store", in: "Systems",
            uses: [
                "VolumeModel", "Planning", "Reconciliation", "ActorThreads", "LinuxCalls", "MariaDB", "Rig", "SQL",
                "SQLite",
            ]),
        tests(of: "CloudStackModel", in: "Simulation", uses: ["VolumeModel"]),
        tests(of: "SimulatedWorld", in: "Simulation", uses: ["LinuxCalls", "Rig"]),
        tests(
            of: "CloudStackSimulator", in: "Simulation",
            uses: ["CloudStackModel", "VolumeModel", "Curl", "Crypto", "LinuxCalls"]),
        tests(
            of: "hawser", in: "Programs",
            uses: ["Arguments", "ControlAPIModel", "VolumeModel", "LinuxCalls", "YAML", "Rig"], data: ["Snapshots"]),
        tests(
            of: "hawserd", in: "Programs",
            uses: ["VolumeModel", "Arguments", "LinuxCalls", "MariaDB", "NBD", "NBDExports"]),
        fuzzing(uses: [
            "VolumeModel", "Reconciliation", "Arguments", "Curl", "HTTPServer", "JSON", "LinuxCalls",
            "UnixHTTP", "YAML", "CloudStack", "ControlAPI", "ControlAPIModel", "Manifests", "NBDExports", "Store",
            "hawser",
            "hawserd",
        ]),
        .testTarget(
            name: "RepositoryTests", path: "Tests/Repository", swiftSettings: strict),
        .testTarget(
            name: "AcceptanceTests",
            dependencies: [
                "Rig", "VolumeModel", "ControlAPIModel", "ControlAPIClient", "LinuxCalls", "MariaDB", "NBD", "SQL",
                "SQLite",
            ],
            path: "Tests/Acceptance", swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
