public import LinuxCalls

extension ChildProcess {
    /// Has this program ended when this process is gone, however it went: also by
    /// SIGKILL, which leaves nobody the time to clean up.
    ///
    /// PR_SET_PDEATHSIG would not do: it looks at the thread that started the child (prctl(2)), and threads of the
    /// cooperative pool come and go. Instead a shell waits for the end of a line that only this process holds; it ends the
    /// program only as long as the number still is that program's.
    public func endWithThisProcess() throws {
        let line = try SocketPair()
        _ = try ChildProcess(
            starting: .init(
                "/bin/sh", ["-c", Self.script, "guard", String(processID), program],
                input: .descriptor(line.far.number), output: .discarded, errors: .discarded, startsSession: true))
        // Open from now on, until the kernel closes it.
        _ = line.takeNear().relinquish()
    }

    private static let script = """
        read -r _
        [ "$(readlink "/proc/$1/exe")" = "$(readlink -f "$2")" ] || exit 0
        kill -KILL "$1"
        """
}
