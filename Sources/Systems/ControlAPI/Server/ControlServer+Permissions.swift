import ControlAPIModel
import HTTPServer
import Reconciliation
import VolumeModel

/// What people allow and forbid beside desired state: suspensions, protections, overrides.
extension ControlServer {
    func suspend(_ request: WireSuspend) async throws -> WireList<WireAck> {
        guard let reason = request.reason, !reason.isEmpty else {
            throw Self.invalid("say why: a suspension needs a reason")
        }
        let suspension = Suspension(reason: reason, until: request.until?.instant)
        return try await set(suspension, on: request.names, "suspended")
    }

    func resume(_ request: WireSuspend) async throws -> WireList<WireAck> {
        try await set(nil, on: request.names, "resumed")
    }

    private func set(
        _ suspension: Suspension?, on names: [String], _ done: String
    ) async throws -> WireList<WireAck> {
        guard !names.isEmpty else { throw Self.invalid("name the objects") }
        let objects = try objectNames(names)
        let known = Set(await controller.overview().reports.map(\.name))
        for name in names where !known.contains(name) { throw Self.notFound(name) }
        var done = objects.map { WireAck(message: "volumeattachment/\($0) \(done)") }
        for (index, name) in objects.enumerated() where try await !store.suspend(name, suspension) {
            done[index] = WireAck(message: "volumeattachment/\(name) is gone")
        }
        return WireList(items: done)
    }

    func protect(_ request: WireProtect) async throws -> WireAck {
        let volume = try await self.volume(request.volume)
        try await store.protect(volume, reason: request.reason)
        return WireAck(message: "volume/\(volume) \(request.reason == nil ? "no longer protected" : "protected")")
    }

    func protections() async throws -> WireList<WireProtect> {
        let found = try await store.desiredState().protections.sorted { $0.key < $1.key }
        return WireList(items: found.map { WireProtect(volume: $0.key.description, reason: $0.value) })
    }

    /// Bound to the disk as it is plugged in now: without one there is nothing that could be in use here. Who gave it goes with
    /// the reason, into the event and into the evidence of the step that uses it up.
    func override(_ request: WireOverride, by peer: PeerCredentials?) async throws -> WireAck {
        guard !request.reason.isEmpty else { throw Self.invalid("say why: an override needs a reason") }
        guard let name = ObjectName(request.name), let detail = await controller.detail(of: name) else {
            throw Self.notFound(request.name)
        }
        guard let volume = detail.report.volume, let device = detail.device else {
            throw Self.invalid("no disk of '\(name)' is on this machine: there is nothing in use to override")
        }
        let now = await controller.overview().at
        guard request.expiresAt.instant > now else {
            throw Self.invalid("the override would be over already")
        }
        let reason = request.reason + (peer.map { " (by user \($0.userID))" } ?? "")
        try await store.record([
            EventRecord(
                at: now, attachment: detail.report.attachment, name: name.text, severity: .warning,
                reason: "Overridden",
                message: "one removal from \(device.kernelName) is allowed although it is in use: \(reason)")
        ])
        try await store.permitInUse(
            detail.report.attachment,
            InUseOverride(
                volume: volume, diskSequence: device.diskSequence, reason: reason,
                expiresAt: request.expiresAt.instant))
        return WireAck(
            message:
                "volumeattachment/\(name): one removal from \(device.kernelName) is allowed although it is in use, "
                + "until \(request.expiresAt)")
    }

    /// A volume by its id, or by the object that is bound to it.
    private func volume(_ text: String) async throws -> VolumeID {
        if let id = VolumeID(text) { return id }
        guard let report = await controller.overview().reports.first(where: { $0.name == text }) else {
            throw Self.notFound(text)
        }
        guard let volume = report.volume else { throw Self.invalid("'\(text)' is not bound to a volume yet") }
        return volume
    }

    private static func invalid(_ detail: String) -> WireProblem {
        WireProblem(title: "invalid request", status: 400, detail: detail)
    }
}
