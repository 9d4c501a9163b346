internal import CNBD
import Glibc

/// What a live NBD server offers, asked of it by NBD_OPT_LIST: no export is opened, and no client disturbed.
public enum ExportListing {
    /// Asks a server for the names it offers. It blocks, at most as long as `patience`.
    ///
    /// - Throws: ``NBDError`` when the server cannot be reached, does not answer, or lists for nobody.
    public static func names(
        offeredBy address: NBDAddress, patience: Duration = .seconds(5)
    ) throws(NBDError) -> [String] {
        let deadline = ContinuousClock.now + patience
        let handle = try NBDHandle()
        guard nbd_set_opt_mode(handle.pointer, true) == 0 else { throw NBDError.last("ask for options") }
        try handle.connect(to: address, until: deadline)
        guard nbd_aio_is_negotiating(handle.pointer) == 1 else {
            throw NBDError(
                operation: "list the exports of \(address)", text: "the server knows no options", errorNumber: ENOTSUP)
        }
        let operation = "list the exports of \(address)"
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
            throw NBDError(operation: operation, text: "the server refuses", errorNumber: collected.error)
        }
        // Says goodbye; a server that does not answer it is gone all the same.
        _ = nbd_aio_opt_abort(handle.pointer)
        return collected.names.sorted()
    }
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
