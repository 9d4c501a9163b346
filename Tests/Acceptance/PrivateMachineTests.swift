import Glibc
import LinuxCalls
import Rig
import Testing

/// What the demo and the other tests stand on: a machine within the machine, with a real udevd.
@Suite(.enabled(if: PrivateMachine.obstacle == nil, "needs a private machine: \(PrivateMachine.obstacle ?? "")"))
struct PrivateMachineTests {
    private func run(_ script: String) async throws -> ChildProcess.Outcome {
        try await ChildProcess.run(
            .init(BuiltPrograms.path(of: "hawser-demo"), ["--run-inside", "bash", "-c", script]))
    }

    @Test func `it has a udevd, a /dev, a /run and a loopback interface of its own`() async throws {
        let outcome = try await run(
            """
            set -e
            test -S /run/udev/control
            test ! -e /dev/vda
            test -w /dev/null
            sed -n "s/^ *\\([a-z0-9]*\\):.*/\\1/p" /proc/net/dev
            tr "\\\\0" "\\\\n" </proc/1/cmdline | grep -x -e --first-process
            """)
        #expect(outcome.output == "lo\n--first-process\n", "\(outcome.errors)")
        #expect(outcome.status.isSuccess)
    }

    @Test func `a loop device of the run has the links of a virtio disk, and loses them with its file`() async throws {
        let outcome = try await run(
            """
            set -e
            disks=$(sed -n 's/.*backing_file}=="\\([^*]*\\)\\/\\*".*/\\1/p' /run/udev/rules.d/61-hawser-rig.rules)
            mkdir -p $disks/v
            truncate -s 1M $disks/v/0123456789abcdef0123.img
            for try in 1 2 3 4 5 6 7 8 9; do
                device=$(losetup -f)
                test -e $device || mknod $device b 7 ${device#/dev/loop}
                losetup $device $disks/v/0123456789abcdef0123.img && break
            done
            udevadm settle --timeout 5
            test $(readlink -f /dev/disk/by-id/virtio-0123456789abcdef0123) = $device && echo named
            test $(readlink -f /dev/disk/by-diskseq/$(cat /sys/block/${device#/dev/}/diskseq)) = $device && echo numbered
            losetup -d $device
            udevadm settle --timeout 5
            test -e /dev/disk/by-id/virtio-0123456789abcdef0123 || echo gone
            """)
        #expect(outcome.output == "named\nnumbered\ngone\n", "\(outcome.errors)")
    }

    @Test func `whatever it leaves running or bound ends with it`() async throws {
        let outcome = try await run(
            """
            disks=$(sed -n 's/.*backing_file}=="\\([^*]*\\)\\/\\*".*/\\1/p' /run/udev/rules.d/61-hawser-rig.rules)
            mkdir -p $disks/v
            truncate -s 1M $disks/v/fedcba98765432100123.img
            for try in 1 2 3 4 5 6 7 8 9; do
                device=$(losetup -f)
                test -e $device || mknod $device b 7 ${device#/dev/loop}
                losetup $device $disks/v/fedcba98765432100123.img && break
            done
            setsid sleep 1000 < $device > /dev/null 2>&1 &
            echo $disks
            exit 7
            """)
        #expect(outcome.status == .exited(code: 7), "\(outcome.errors)")
        let disks = outcome.output.split(separator: "\n").first.map(String.init) ?? ""
        #expect(disks.hasPrefix("/"))
        #expect(!exists(disks))
        #expect(try LoopDevice.all(backedByFilesUnder: disks).isEmpty)
    }

    @Test func `its command's exit code comes out of it`() async throws {
        #expect(try await run("exit 42").status == .exited(code: 42))
        #expect(try await run("kill -KILL $$").status == .exited(code: 128 + SIGKILL))
    }
}
