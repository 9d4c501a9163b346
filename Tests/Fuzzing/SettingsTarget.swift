import Arguments
import LinuxCalls

@testable import hawserd

extension FuzzTarget {
    /// hawserd's configuration file, and the configuration that comes of it.
    static let settings = FuzzTarget(name: "settings") { bytes in
        let directory = try TemporaryDirectory(prefix: "hawser-fuzz-settings")
        let file = "\(directory.path)/hawserd.yaml"
        try writeFile(file, bytes: bytes)
        let parsed = try CommandDescription("", summary: "", discussion: "", options: []).parse([])
        do {
            let values = try SettingValues(parsed) { name in
                switch name {
                case "HAWSER_CONFIG": file
                // So that no file is read that the input names.
                case "HAWSER_CLOUDSTACK_SECRET_KEY": "hidden"
                default: nil
                }
            }
            try hold("the secret does not show", values.lines.contains("cloudstack.secretKey: (set)"))
            _ = try Configuration(values)
        } catch is UsageError {
            // A person is told what is wrong.
        }
    }
}
