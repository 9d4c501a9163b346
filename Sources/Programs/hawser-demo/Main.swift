import Glibc
import LinuxCalls
import Rig

/// Shows Hawser's main job in front of a person, or runs one command in a private machine.
@main
enum Main {
    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            switch arguments.first {
            // What this program starts itself as; not for people.
            case FirstProcess.word: exit(try FirstProcess.run(Array(arguments.dropFirst())))
            case InsideProcess.word: exit(try await InsideProcess.run(Array(arguments.dropFirst())))
            default: exit(try await OuterProcess.run(arguments))
            }
        } catch {
            FileHandle.standardError.say("hawser-demo: \(error)")
            exit(1)
        }
    }
}
