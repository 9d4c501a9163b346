import HTTPServer
import JSON
import LinuxCalls
import Reconciliation
import Testing
import VolumeModel

@testable import CloudStack

/// Answers of real servers, recorded between 2011 and 2016 by the authors of Apache Libcloud and published in its package,
/// are given to our client: each is understood, or refused for a reason that the client tells.
@Suite(.enabled(if: Recordings.areInstalled, "needs recorded answers: run Tests/Support/python-clients.sh"))
struct RecordedAnswersTests {
    /// What the client must not take, with the words in which it says so.
    private static let refused: [String: (words: String, why: String)] = [
        "attachVolume_default": (
            "the answer has the jobid 'attachvolumejob', which is no UUID",
            "The recording was edited: no server calls a job so. What cannot be asked for later must not be believed."
        ),
        "createVolume_default": (
            "the answer has the jobid 'createvolumejob', which is no UUID", "The recording was edited in the same way."
        ),
        "createVolume_withcustomdisksize": (
            "the answer has the jobid 'createvolumejob', which is no UUID", "The recording was edited in the same way."
        ),
        "createVolume_withvolumetype": (
            "the answer has the jobid 'createvolumejob', which is no UUID", "The recording was edited in the same way."
        ),
        "detachVolume_default": (
            "the answer has the jobid 'detachvolumejob', which is no UUID", "The recording was edited in the same way."
        ),
        "listVirtualMachines_default": (
            "a machine has the id '2600', which is no UUID",
            "A server of 2011 (CloudStack 2.2) names machines by numbers of its database, which are no identities."
        ),
        "listVirtualMachines_noipaddress": (
            "a machine has the id '2600', which is no UUID", "The same server."
        ),
        "listZones_default": ("a zone has the id '1', which is no UUID", "Zones by number, from the same time."),
        "listZones_deployfail": ("a zone has the id '1', which is no UUID", "Zones by number."),
        "listZones_deployfail2": ("a zone has the id '1', which is no UUID", "Zones by number."),
        "listZones_deployip": ("a zone has the id '1', which is no UUID", "Zones by number."),
        "listZones_deploynetworks": ("a zone has the id '1', which is no UUID", "Zones by number."),
        "listZones_rootdisksize": ("a zone has the id '1', which is no UUID", "Zones by number."),
        "listZones_stoppedvm": ("a zone has the id '1', which is no UUID", "Zones by number."),
        "listZones_withcustomdisksize": ("a zone has the id '1', which is no UUID", "Zones by number."),
        "listZones_withvolumetype": ("a zone has the id '1', which is no UUID", "Zones by number."),
        "registerSSHKeyPair_error": (
            "Public key is invalid", "It is an error of CloudStack's, and passed on in its words."
        ),
    ]

    /// What is understood; jobs that are not here are understood to have succeeded.
    private static let understood: [String: String] = [
        "deleteVolume_default": "deleted",
        "listDiskOfferings_default": "fixed offering of 10 GiB",
        "listDiskOfferings_withcustomdisksize": "custom offering",
        "listDiskOfferings_withvolumetype": "fixed offering of 10 GiB",
        "listVolumes_default": "root disk ROOT-69942 of 139264 bytes in slot 0, ready, found by its id too",
        "listVolumes_rootdisksize": "root disk ROOT-69941 of 53687091200 bytes in slot 0, ready, found by its id too",
        "queryAsyncJobResult_17177":
            "failed, look again: the job ended without a result (code 0): the management server restarted, or it waited "
            + "too long",
    ]

    @Test(arguments: Recordings.all) func `every recorded answer to a command of ours is understood or refused`(
        recording: Recording
    ) async throws {
        let body = try readFile(recording.path)
        let server = try HTTPServer(.tcp(host: "127.0.0.1", port: 0)) { _ in
            .whole(status: recording.name == "registerSSHKeyPair_error" ? 431 : 200, headers: [], body: body)
        }
        defer { server.stop() }
        let service = CloudStackService(
            CloudStackConfiguration(
                endpoint: "http://127.0.0.1:\(server.port)/client/api", apiKey: "key", secretKey: "secret"))
        do {
            let meaning = try await read(recording.command, JSONDocument(body), service)
            let isJob = recording.command == "queryAsyncJobResult"
            #expect(meaning == Self.understood[recording.name] ?? (isJob ? "succeeded" : "not judged by this test"))
        } catch let error as CloudError {
            let expected = try #require(Self.refused[recording.name], "\(error)")
            #expect(error.text.contains(expected.words), "\(error)")
            // A refused answer to a change must not pass for "not done"; an error of CloudStack's own must.
            let isReceipt = ["createVolume", "attachVolume", "detachVolume"].contains(recording.command)
            #expect((error.effect == .unknown) == isReceipt)
        }
    }

    /// Asks for what the recording answers, and says in words what the client understood.
    private func read(
        _ command: String, _ document: JSONDocument, _ service: CloudStackService
    ) async throws -> String {
        let body = document.root.fields?.first?.item
        let some = UUIDValue(high: 1, low: 2)
        switch command {
        case "listVolumes":
            let listing = try await service.listVolumes()
            if let problem = listing.problem { throw incomplete(command, problem) }
            let volume = try #require(listing.records.first)
            guard case .found(volume) = try await service.readVolume(volume.id) else { return "not found by its id" }
            return
                "\(volume.kind == .root ? "root" : "data") disk \(volume.name) of \(volume.sizeInBytes) bytes in slot "
                + "\(volume.deviceIndex ?? -1), \(volume.state == .ready ? "ready" : "busy"), found by its id too"
        case "listVirtualMachines":
            let listing = try await service.listMachines()
            if let problem = listing.problem { throw incomplete(command, problem) }
            return "\(listing.records.count) machines"
        case "listZones":
            let name = try #require(body?["zone"]?.elements?.first?["name"]?.text)
            guard case .found = try await service.zone(.named(name)) else { return "no such zone" }
            return "zone"
        case "listDiskOfferings":
            let name = try #require(body?["diskoffering"]?.elements?.first?["name"]?.text)
            guard case .found(let offering) = try await service.offering(.named(name)) else {
                return "no such offering"
            }
            return offering.isCustomized ? "custom offering" : "fixed offering of \(offering.sizeInBytes >> 30) GiB"
        case "createVolume":
            let mutation = CloudMutation.createVolume(
                name: "v", sizeInBytes: nil, offering: DiskOfferingID(some), zone: ZoneID(some))
            return "\(try await service.submit(mutation, as: JobID(some)))"
        case "attachVolume":
            return
                "\(try await service.submit(.attachVolume(VolumeID(some), to: MachineID(some), as: .data), as: JobID(some)))"
        case "detachVolume":
            return "\(try await service.submit(.detachVolume(VolumeID(some)), as: JobID(some)))"
        case "deleteVolume":
            try await service.deleteVolume(VolumeID(some))
            return "deleted"
        case "queryAsyncJobResult":
            let named = body?["jobid"]?.text.flatMap { UUIDValue($0) }
            switch try await service.report(of: JobID(named ?? some)) {
            case .succeeded: return "succeeded"
            case .failed(let failure):
                return "failed, \(failure.remedy == .lookAgain ? "look again" : "\(failure.remedy)"): \(failure.text)"
            case .running: return "running"
            case .notFound: return "not found"
            }
        default:
            return try await service.version()
        }
    }

    private func incomplete(_ command: String, _ problem: String) -> CloudError {
        CloudError(remedy: .lookAgain, effect: .none, command: command, text: problem)
    }

    @Test func `recordings of all kinds are there, and nothing is judged that is not`() {
        let names = Set(Recordings.all.map(\.name))
        #expect(names.isSuperset(of: Self.refused.keys))
        #expect(names.isSuperset(of: Self.understood.keys))
        #expect(Recordings.all.count { $0.command == "queryAsyncJobResult" } >= 50)
    }
}

struct Recording: Sendable, CustomTestStringConvertible {
    /// The command and a word for the occasion, such as `listVolumes_default`.
    var name: String
    var path: String
    var command: String { String(name.prefix { $0 != "_" }) }
    var testDescription: String { path.split(separator: "/").suffix(4).joined(separator: "/") }
}

private enum Recordings {
    private static let directory = ".build/python-clients/libcloud-recorded"
    static let areInstalled = exists(directory)

    /// The commands that Hawser sends, and one error for all.
    private static let ours: Set<String> = [
        "listVolumes", "listVirtualMachines", "listZones", "listDiskOfferings", "listCapabilities", "listAsyncJobs",
        "createVolume", "attachVolume", "detachVolume", "resizeVolume", "deleteVolume", "queryAsyncJobResult",
    ]

    static let all: [Recording] = ["compute", "loadbalancer"].flatMap { kind -> [Recording] in
        let folder = "\(directory)/\(kind)/fixtures/cloudstack"
        // Where nothing is installed, the suite is left out and says so.
        let names = (try? directoryEntries(folder)) ?? []
        return names.sorted().compactMap { file in
            guard file.hasSuffix(".json") else { return nil }
            let recording = Recording(name: String(file.dropLast(5)), path: "\(folder)/\(file)")
            return ours.contains(recording.command) || recording.name == "registerSSHKeyPair_error" ? recording : nil
        }
    }
}
