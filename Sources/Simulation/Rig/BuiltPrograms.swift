import Glibc
public import LinuxCalls

/// Where the package's own programs are: beside the one that runs.
public enum BuiltPrograms {
    /// The path of a program of this package, built the same way as the running one. `swift test` runs another program,
    /// from the toolchain or from within a bundle: then the build directory is the one that the tests were loaded from.
    public static func path(of name: String) throws(SystemCallError) -> String {
        for directory in try candidates() where access("\(directory)/\(name)", X_OK) == 0 {
            return "\(directory)/\(name)"
        }
        throw SystemCallError("find", "program \(name) beside \(try ownProgramPath())", errno: ENOENT)
    }

    private static func candidates() throws(SystemCallError) -> [String] {
        var directories = [parentDirectory(of: try ownProgramPath())]
        // The arguments of a test run name the bundle that lies in the build directory.
        for argument in CommandLine.arguments where argument.contains(".xctest") {
            directories.append(parentDirectory(of: argument))
            if let bundle = argument.split(separator: "/").firstIndex(where: { $0.hasSuffix(".xctest") }) {
                directories.append("/" + argument.split(separator: "/")[..<bundle].joined(separator: "/"))
            }
        }
        return directories
    }
}
