import JSON
public import Reconciliation
public import VolumeModel

extension CloudStackService: Examinable {
    /// Whether the key works, what it may call, which CloudStack this is, and whether the clocks agree.
    public func examine() async -> [Finding] {
        let subject = "CloudStack API"
        let version: String
        do throws(CloudError) { version = try await self.version() } catch {
            return [Finding(subject, .bad, "\(error)", remedy: Self.remedy(for: error.remedy))]
        }
        var findings = [Finding(subject, .good, "CloudStack \(version) answers, and takes the key")]
        if let minor = Self.minorVersion(version), minor < 17 {
            findings.append(
                Finding(
                    "CloudStack version", .warning,
                    "\(version) is older than 4.17, the oldest that Hawser was read against",
                    remedy: "watch the first attachments closely, or upgrade CloudStack"))
        }
        findings.append(await rights())
        findings.append(await clock())
        return findings
    }

    /// What Hawser calls in the course of its work.
    private static let neededCalls = [
        "listVolumes", "listVirtualMachines", "listZones", "listDiskOfferings", "createVolume", "attachVolume",
        "detachVolume", "resizeVolume", "deleteVolume", "queryAsyncJobResult", "listAsyncJobs", "listCapabilities",
    ]

    private func rights() async -> Finding {
        let subject = "rights of the API key"
        let document: JSONDocument
        do throws(CloudError) { document = try await api.call("listApis", [:]) } catch {
            return Finding(subject, .warning, "cannot be told: \(error)", remedy: "allow the role to call listApis")
        }
        let names = Set((document.root.fields?.first?.item["api"]?.elements ?? []).compactMap { $0["name"]?.text })
        let missing = Self.neededCalls.filter { !names.contains($0) }
        guard !missing.isEmpty else {
            return Finding(subject, .good, "all \(Self.neededCalls.count) calls are allowed")
        }
        return Finding(
            subject, .bad, "the role may not call \(missing.joined(separator: ", "))",
            remedy: "add these calls to the role of the account")
    }

    private func clock() async -> Finding {
        let subject = "clocks"
        do throws(CloudError) {
            guard let skew = try await api.clockSkew() else {
                return Finding(
                    subject, .warning, "CloudStack's answers carry no date, so the clocks cannot be compared")
            }
            // The header tells whole seconds.
            if skew.magnitude < 2 { return Finding(subject, .good, "this machine's clock and CloudStack's agree") }
            let text =
                "this machine's clock is \(Int(skew.magnitude)) s \(skew < 0 ? "behind" : "ahead of") CloudStack's"
            if skew.magnitude < 5 { return Finding(subject, .good, text) }
            return Finding(
                subject, skew.magnitude < 300 ? .warning : .bad, text,
                remedy: "set both by NTP: signed calls expire ten minutes after they were made")
        } catch {
            return Finding(subject, .warning, "cannot be compared: \(error)")
        }
    }

    private static func remedy(for remedy: CloudRemedy) -> String {
        switch remedy {
        case .notAllowed: "correct cloudstack.apiKey and the secret key, and compare the clocks"
        case .retryLater, .lookAgain, .wrongRequest, .notThere, .limitReached:
            "see that cloudstack.endpoint is right and that the management server can be reached from here"
        }
    }

    /// `4.20.1.0` is 20.
    private static func minorVersion(_ version: String) -> Int? {
        let parts = version.split(separator: ".")
        guard parts.count >= 2, parts[0] == "4" else { return nil }
        return Int(parts[1])
    }
}
