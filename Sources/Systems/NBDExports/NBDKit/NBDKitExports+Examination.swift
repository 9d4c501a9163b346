import Glibc
import LinuxCalls
import NBD
public import Reconciliation
public import VolumeModel

extension NBDKitExports: Examinable {
    /// Whether the two servers answer, which nbdkit it is, and whether what they serve is these directories.
    public func examine() async -> [Finding] {
        var findings = [await version()]
        for server in servers {
            let subject = "NBD server (\(server.side.rawValue))"
            do {
                let names = try ExportListing.names(offeredBy: server.address)
                findings.append(Finding(subject, .good, "\(server.address.uri) offers \(names.count) exports"))
                if let stray = names.first(where: { !isLinked($0, server.side) }) {
                    findings.append(
                        Finding(
                            subject, .bad, "it offers '\(stray)', which is not in \(directory.path(server.side))",
                            remedy:
                                "let it serve 'dir=\(directory.path(server.side))', or set nbd.root to its directory"))
                }
            } catch {
                findings.append(
                    Finding(
                        subject, .bad, error.description,
                        remedy: "start it: nbdkit \(server.side == .readOnly ? "--readonly " : "")"
                            + "file dir=\(directory.path(server.side)); or set nbd.mode to supervised"))
            }
        }
        return findings
    }

    private func isLinked(_ text: String, _ side: ExportDirectory.Side) -> Bool {
        guard let name = ExportName(text) else { return false }
        // What cannot be read is told by the listing itself.
        return (try? directory.owner(side, name)) != nil
    }

    private func version() async -> Finding {
        let subject = "nbdkit"
        guard case .supervised(let program) = supervision else {
            return Finding(subject, .good, "run by somebody else")
        }
        do {
            let outcome = try await ChildProcess.run(.init(program, ["--version"]))
            return Finding(subject, .good, String(outcome.output.prefix { !$0.isNewline }))
        } catch {
            return Finding(
                subject, .bad, error.description, remedy: "install nbdkit, or set nbd.program to where it is")
        }
    }
}
