internal import CNBD
import Glibc

/// What a live NBD server offers, asked of it by NBD_OPT_LIST and NBD_OPT_INFO: no export is opened, and no client
/// disturbed.
public enum ExportListing {
    /// Asks a server for the names it offers. It blocks, at most as long as `patience`.
    ///
    /// - Throws: ``NBDError`` when the server cannot be reached, does not answer, or lists for nobody.
    public static func names(
        offeredBy address: NBDAddress, patience: Duration = .seconds(5)
    ) throws(NBDError) -> [String] {
        let deadline = ContinuousClock.now + patience
        let handle = try NBDHandle()
        try begin(handle, with: "\(address)") { () throws(NBDError) in
            try handle.connect(to: address, until: deadline)
        }
        let names = try list(handle, of: "\(address)", until: deadline)
        sayGoodbye(handle)
        return names
    }

    /// The same of a server at the other end of a connected socket, which is used up by it.
    public static func names(
        offeredOver socket: Int32, patience: Duration = .seconds(5)
    ) throws(NBDError) -> [String] {
        let deadline = ContinuousClock.now + patience
        let handle = try NBDHandle()
        try begin(handle, with: "a connected socket") { () throws(NBDError) in
            try handle.connect(over: socket, until: deadline)
        }
        let names = try list(handle, of: "a connected socket", until: deadline)
        sayGoodbye(handle)
        return names
    }

    /// The names that a server offers, also when it lists for nobody (`allowlist = false` of nbd-server(5)): then it is
    /// asked for each of `candidates` on one connection. It blocks.
    public static func names(
        offeredBy address: NBDAddress, orKnownAmong candidates: [String], patience: Duration = .seconds(5)
    ) throws(NBDError) -> Set<String> {
        let deadline = ContinuousClock.now + patience
        let handle = try NBDHandle()
        try begin(handle, with: "\(address)") { () throws(NBDError) in
            try handle.connect(to: address, until: deadline)
        }
        defer { sayGoodbye(handle) }
        do throws(NBDError) {
            return Set(try list(handle, of: "\(address)", until: deadline))
        } catch {
            guard error.isRefusal, nbd_aio_is_negotiating(handle.pointer) == 1 else { throw error }
        }
        var known: Set<String> = []
        for name in candidates where try isKnown(name, handle, until: deadline) { known.insert(name) }
        return known
    }

    private static func begin(
        _ handle: NBDHandle, with server: String, _ connect: () throws(NBDError) -> Void
    ) throws(NBDError) {
        guard nbd_set_opt_mode(handle.pointer, true) == 0 else { throw NBDError.last("ask for options") }
        try connect()
        guard nbd_aio_is_negotiating(handle.pointer) == 1 else {
            throw NBDError(
                operation: "list the exports of \(server)", text: "the server knows no options", errorNumber: ENOTSUP)
        }
    }

    private static func list(
        _ handle: NBDHandle, of server: String, until deadline: ContinuousClock.Instant
    ) throws(NBDError) -> [String] {
        let operation = "list the exports of \(server)"
        // Both are used only by callbacks within the calls below, in this thread.
        let collected = Collected()
        let reference = Unmanaged.passUnretained(collected)
        let began = nbd_aio_opt_list(
            handle.pointer, nbd_list_callback(callback: collectName, user_data: reference.toOpaque(), free: nil),
            nbd_completion_callback(callback: noteEnd, user_data: reference.toOpaque(), free: nil))
        guard began == 0 else { throw NBDError.last(operation) }
        try withExtendedLifetime(collected) { () throws(NBDError) in
            try handle.wait(until: deadline, operation) { _ in collected.hasEnded }
        }
        guard collected.error == 0 else {
            throw NBDError(
                operation: operation, text: "the server refuses", errorNumber: collected.error, isRefusal: true)
        }
        return collected.names.sorted()
    }

    /// Asks for one name by NBD_OPT_INFO. nbd-server opens no device for it.
    private static func isKnown(
        _ name: String, _ handle: NBDHandle, until deadline: ContinuousClock.Instant
    ) throws(NBDError) -> Bool {
        let operation = "ask for export '\(name)'"
        guard nbd_set_export_name(handle.pointer, name) == 0 else { throw NBDError.last(operation) }
        handle.acknowledgeAtOnce()
        let collected = Collected()
        let reference = Unmanaged.passUnretained(collected)
        let began = nbd_aio_opt_info(
            handle.pointer, nbd_completion_callback(callback: noteEnd, user_data: reference.toOpaque(), free: nil))
        guard began == 0 else { throw NBDError.last(operation) }
        try withExtendedLifetime(collected) { () throws(NBDError) in
            try handle.wait(until: deadline, operation) { _ in collected.hasEnded }
        }
        return collected.error == 0
    }

    /// A server that does not answer it is gone all the same.
    private static func sayGoodbye(_ handle: NBDHandle) { _ = nbd_aio_opt_abort(handle.pointer) }
}

private final class Collected {
    var names: [String] = []
    var hasEnded = false
    var error: Int32 = 0
}

private let collectName:
    @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, UnsafePointer<CChar>?) -> Int32 = {
        context, name, _ in
        guard let context, let name else { return 0 }
        Unmanaged<Collected>.fromOpaque(context).takeUnretainedValue().names.append(String(cString: name))
        return 0
    }

private let noteEnd: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutablePointer<Int32>?) -> Int32 = {
    context, error in
    guard let context else { return 1 }
    let collected = Unmanaged<Collected>.fromOpaque(context).takeUnretainedValue()
    collected.error = error?.pointee ?? 0
    collected.hasEnded = true
    // 1 retires the command: nobody will ask for its result.
    return 1
}
