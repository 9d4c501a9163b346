import Glibc

/// Gives one target to libFuzzer (llvm.org/docs/LibFuzzer.html): `hawser-fuzz --target=NAME [FLAG ...] [CORPUS ...]`.
@main
enum LibFuzzer {
    static func main() {
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        exit(runDriver(&count, &arguments) { start, count in LibFuzzer.take(start, count) })
    }

    /// libFuzzer sees by the program's end that an input was too much.
    private static func take(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
        let bytes = Array(UnsafeBufferPointer(start: start, count: count))
        let target = target
        let isDone = Semaphore()
        Task {
            do { try await target.check(bytes) } catch {
                print("\(target.name): \(error)")
                fflush(nil)
                abort()
            }
            isDone.signal()
        }
        isDone.wait()
        return 0
    }

    /// The one that `--target=NAME` names; libFuzzer itself takes no notice of what begins with two dashes.
    private static let target: FuzzTarget = {
        let prefix = "--target="
        let name = CommandLine.arguments.last { $0.hasPrefix(prefix) }?.dropFirst(prefix.count) ?? ""
        guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
            let names = FuzzTarget.all.map(\.name).joined(separator: ", ")
            print("hawser-fuzz: --target= takes one of: \(names)")
            exit(64)
        }
        return target
    }()
}

/// libFuzzer as a library (FuzzerInterface.h of LLVM has no header for Swift).
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ take: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// A POSIX semaphore, by which libFuzzer's thread waits for the task that does the work. Only sem_post(3) and sem_wait(3)
/// touch it, from any thread: this is sound.
private final class Semaphore: @unchecked Sendable {
    private let handle = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(handle, 0, 0) }

    deinit {
        sem_destroy(handle)
        handle.deallocate()
    }

    func signal() { sem_post(handle) }

    func wait() { while sem_wait(handle) != 0 {} }
}
