import Glibc
import Testing

/// The tree is the map (docs/architecture.md): these read the sources and Package.swift, and check that it is true.
@Suite struct MapTests {
    private let tree = SourceTree()

    @Test func `there are sources to read`() {
        #expect(tree.files.count > 50)
    }

    @Test func `Core imports Core only`() {
        let core = tree.modules(under: "Sources/Core")
        for file in tree.files where file.path.hasPrefix("Sources/Core/") {
            for module in file.imports { #expect(core.contains(module), "\(file.path) imports \(module)") }
        }
    }

    @Test func `only Libraries import C libraries`() {
        let cLibraries = tree.modules(under: "Sources/CLibraries")
        #expect(cLibraries.contains("CUdev"))
        for file in tree.files where file.path.hasPrefix("Sources/") && !file.path.hasPrefix("Sources/Libraries/") {
            for module in file.imports { #expect(!cLibraries.contains(module), "\(file.path) imports \(module)") }
        }
    }

    @Test func `a system imports no other system, only parts of its own`() {
        let systems = tree.modules(under: "Sources/Systems")
        let parts = ["ControlAPIModel": "Sources/Systems/ControlAPI/", "Manifests": "Sources/Systems/Manifests/"]
        for file in tree.files where file.path.hasPrefix("Sources/Systems/") {
            for module in file.imports where systems.contains(module) || parts[module] != nil {
                #expect(parts[module].map(file.path.hasPrefix) == true, "\(file.path) imports \(module)")
            }
        }
    }

    @Test func `a library imports no other library, save the ground that they stand on`() {
        let libraries = tree.modules(under: "Sources/Libraries")
        for file in tree.files where file.path.hasPrefix("Sources/Libraries/") {
            for module in file.imports where libraries.contains(module) {
                #expect(["ActorThreads", "SQL"].contains(module), "\(file.path) imports \(module)")
            }
        }
    }

    @Test func `Systems and Libraries know nothing of the simulation`() {
        let simulation = tree.modules(under: "Sources/Simulation")
        for file in tree.files
        where file.path.hasPrefix("Sources/Systems/") || file.path.hasPrefix("Sources/Libraries/") {
            for module in file.imports { #expect(!simulation.contains(module), "\(file.path) imports \(module)") }
        }
    }

    @Test func `the large Foundation is nowhere`() {
        let large: Set = ["Foundation", "FoundationNetworking", "FoundationXML", "FoundationInternationalization"]
        for file in tree.files {
            for module in file.imports { #expect(!large.contains(module), "\(file.path) imports \(module)") }
        }
    }

    @Test func `no source tries or casts by force, or ends the program`() {
        let banned = ["try" + "!", "as" + "! ", "fatal" + "Error("]
        for file in tree.files where file.path.hasPrefix("Sources/") {
            for (number, line) in file.codeLines {
                for word in banned { #expect(!line.contains(word), "\(file.path):\(number): \(word)") }
            }
        }
    }

    @Test func `what is unchecked says why it is sound`() {
        for file in tree.files where file.path.hasPrefix("Sources/") {
            for (number, line) in file.codeLines where line.contains("@unchecked " + "Sendable") {
                let reason = file.lines[max(0, number - 12)..<number].contains { $0.contains("sound") }
                #expect(reason, "\(file.path):\(number): no sentence says why it is sound")
            }
        }
    }

    @Test func `every folder of the map is a target of Package_swift`() throws {
        let package = try #require(SourceTree.text(of: "\(SourceTree.root)/Package.swift"))
        for layer in ["Core", "Libraries", "CLibraries", "Simulation", "Programs"] {
            for module in tree.modules(under: "Sources/\(layer)") {
                #expect(package.contains("\"\(module)\""), "\(layer)/\(module) is in no target")
            }
        }
    }

    @Test func `no module is named after a type in it`() {
        for file in tree.files where file.path.hasPrefix("Sources/") && !file.path.hasPrefix("Sources/Programs/") {
            let module = file.path.split(separator: "/").dropFirst(2).first.map(String.init) ?? ""
            for kind in ["struct", "enum", "class", "actor", "protocol", "typealias"] {
                for (number, line) in file.codeLines where line.hasPrefix("public \(kind) \(module)") {
                    let next = line.dropFirst("public \(kind) \(module)".count).first
                    #expect(
                        next.map { $0.isLetter || $0.isNumber } == true,
                        "\(file.path):\(number): module and type share the name \(module)")
                }
            }
        }
    }
}
