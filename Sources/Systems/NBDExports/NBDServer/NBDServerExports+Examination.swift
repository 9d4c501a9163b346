import LinuxCalls
import NBD
public import Reconciliation
public import VolumeModel

extension NBDServerExports: Examinable {
    /// Whether the server answers, which version it is and what that version is known for, and which files it would not take.
    public func examine() async -> [Finding] {
        var findings = [await version(), answer()]
        let refused = refusedFiles()
        findings.append(
            refused.isEmpty
                ? Finding("nbd-server's files", .good, "\(configuration.includeDirectory) is taken as a whole")
                : Finding(
                    "nbd-server's files", .bad, refused.joined(separator: "; "),
                    remedy: "correct or remove these files; the others are served meanwhile"))
        return findings
    }

    private func version() async -> Finding {
        let subject = "nbd-server"
        do {
            let outcome = try await ChildProcess.run(.init(configuration.program, ["-V"]))
            let text = (outcome.output + outcome.errors).split(separator: "\n").first.map(String.init) ?? "no version"
            let numbers = text.split { !$0.isNumber }.compactMap { Int($0) }
            if numbers.count >= 2, (numbers[0], numbers[1]) < (3, 25) {
                return Finding(
                    subject, .warning,
                    "\(text): on SIGHUP it corrupts its own memory, and keeps every export it ever had",
                    remedy: "send it no SIGHUP by hand or by other programs; Hawser never does")
            }
            return Finding(subject, .good, text)
        } catch {
            return Finding(
                subject, .bad, error.description, remedy: "install nbd-server, or set nbd.program to where it is")
        }
    }

    private func answer() -> Finding {
        let subject = "NBD server"
        do {
            let names = try ExportListing.names(offeredBy: address, orKnownAmong: [])
            return Finding(subject, .good, "\(address.uri) answers, and lists \(names.count) exports")
        } catch {
            return Finding(
                subject, .bad, error.description,
                remedy: "start its socket unit, or let hawserd run it by nbd.mode: supervised")
        }
    }

    private func refusedFiles() -> [String] {
        do {
            return try gate.objections().map { "\($0.file.name): \($0.reason)" }
        } catch {
            return ["cannot be told: \(error)"]
        }
    }
}
