import Glibc

/// The Swift files of this repository, as text.
struct SourceTree {
    struct File {
        /// From the repository's root.
        let path: String
        let lines: [Substring]

        /// The lines with their numbers from 1, without those that are comment only.
        var codeLines: [(number: Int, line: Substring)] {
            lines.enumerated().compactMap { index, line in
                line.drop { $0 == " " }.hasPrefix("//") ? nil : (index + 1, line)
            }
        }

        /// The modules that it imports, the standard ones left out.
        var imports: [String] {
            let standard: Set = ["Swift", "Glibc", "Testing", "Synchronization"]
            return lines.compactMap { line in
                var words = line.split(separator: " ").filter { !$0.hasPrefix("@") }
                if let first = words.first, ["public", "internal", "package", "private"].contains(first) {
                    words.removeFirst()
                }
                guard words.first == "import", words.count >= 2 else { return nil }
                let kinds: Set<Substring> = ["struct", "class", "enum", "func", "protocol", "typealias", "let", "var"]
                let path = kinds.contains(words[1]) && words.count > 2 ? words[2] : words[1]
                let module = String(path.prefix { $0 != "." })
                return standard.contains(module) ? nil : module
            }
        }
    }

    let files: [File]

    init() {
        files = (Self.swiftFiles(under: "Sources") + Self.swiftFiles(under: "Tests")).sorted().map { path in
            let text = Self.text(of: "\(Self.root)/\(path)") ?? ""
            return File(path: path, lines: text.split(separator: "\n", omittingEmptySubsequences: false))
        }
    }

    /// The repository's directory: this file lies two levels below it.
    static let root = String(#filePath.split(separator: "/").dropLast(3).reduce(into: "") { $0 += "/" + $1 })

    /// The folders directly under a folder: each is a module. ControlAPI's three parts are named after it and themselves.
    func modules(under folder: String) -> Set<String> {
        var names = Set(
            Self.entries(of: "\(Self.root)/\(folder)").filter { Self.isDirectory("\(Self.root)/\(folder)/\($0)") })
        if names.contains("ControlAPI") { names.formUnion(["ControlAPIModel", "ControlAPIClient"]) }
        return names
    }

    private static func swiftFiles(under folder: String) -> [String] {
        entries(of: "\(root)/\(folder)").flatMap { name -> [String] in
            let path = "\(folder)/\(name)"
            if isDirectory("\(root)/\(path)") { return swiftFiles(under: path) }
            return name.hasSuffix(".swift") ? [path] : []
        }
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func entries(of path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }

    static func text(of path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk.prefix(count)
        }
    }
}
