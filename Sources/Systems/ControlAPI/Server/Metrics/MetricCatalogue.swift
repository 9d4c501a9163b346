import LinuxCalls
import Planning
import Reconciliation
import VolumeModel

/// Every metric that there is, in the order in which they are shown; docs/metrics.md tells what they are for.
///
/// A label's values are those of closed sets. No volume, object or export is ever one, so that the number of series does not
/// follow the number of volumes.
enum MetricCatalogue {
    /// What is measured of the process itself.
    struct Process: Sendable {
        var version: String
        /// `nil` when the kernel does not tell.
        var usage: ProcessUsage?
    }

    static func families(_ measured: Measurements, _ calls: [CallCount], _ process: Process) -> [MetricFamily] {
        daemon(measured, process) + objects(measured) + brake(measured) + lease(measured) + systems(measured)
            + cloudCalls(calls) + work(measured)
    }

    private static func daemon(_ measured: Measurements, _ process: Process) -> [MetricFamily] {
        let families = [
            MetricFamily(
                "hawser_build_info", .gauge, "Which hawserd this is.",
                [.init(labels: [("version", process.version)], value: 1)]),
            MetricFamily(
                "hawser_node_info", .gauge, "Which machine it reconciles, and how far it may go.",
                [
                    .init(
                        labels: [("machine", measured.here.description), ("mode", measured.mode.rawValue)], value: 1)
                ]),
            MetricFamily(
                "process_start_time_seconds", .gauge, "When hawserd was started, in seconds since 1970.",
                (measured.begunAt - Instant(nanoseconds: 0)) / .seconds(1)),
        ]
        guard let usage = process.usage else { return families }
        return families + [
            MetricFamily("process_resident_memory_bytes", .gauge, "Resident memory.", usage.residentBytes),
            MetricFamily(
                "process_cpu_seconds_total", .counter, "Processor time, in user and kernel mode.",
                usage.processorSeconds),
            MetricFamily("process_open_fds", .gauge, "Open file descriptors.", usage.openDescriptors),
            MetricFamily(
                "process_max_fds", .gauge, "How many file descriptors may be open.", usage.descriptorLimit),
        ]
    }

    private static func objects(_ measured: Measurements) -> [MetricFamily] {
        let notReady = measured.notReady.values.reduce(0, +)
        let readiness = [("ready", measured.ready), ("not-ready", notReady), ("departed", measured.departed)]
        return [
            MetricFamily(
                "hawser_attachments", .gauge, "Objects by whether desired and observed agree.",
                readiness.map { .init(labels: [("readiness", $0.0)], value: Double($0.1)) }),
            MetricFamily(
                "hawser_attachments_not_ready", .gauge, "Objects that are not Ready, by their one cause.",
                by: "reason", measured.notReady),
            MetricFamily(
                "hawser_attachments_waiting", .gauge, "Objects that are not Ready, by who has to act next.",
                by: "mover", measured.waitingFor),
            MetricFamily(
                "hawser_attachments_suspended", .gauge, "Objects that people have set aside.", measured.suspended),
            MetricFamily(
                "hawser_attachments_contested", .gauge,
                "Objects for which somebody else undid twice or more in a row what Hawser did.", measured.contested),
            MetricFamily(
                "hawser_attachments_quarantined", .gauge,
                "Objects that are left alone since what is seen of them contradicts itself.",
                measured.notReady.reduce(0) { $0 + ($1.key.isQuarantine ? $1.value : 0) }),
            MetricFamily(
                "hawser_drifts_open", .gauge, "Differences that last, in what has once been Ready.", by: "kind",
                measured.drifts),
            MetricFamily(
                "hawser_drifts_seen_total", .counter, "Differences that showed in what had been Ready.", by: "kind",
                measured.work.drifts),
        ]
    }

    private static func brake(_ measured: Measurements) -> [MetricFamily] {
        let removals = measured.removals
        return [
            MetricFamily(
                "hawser_brake_engaged", "Whether all unapproved removals are on hold (1) or not (0).",
                removals.areHeld),
            MetricFamily(
                "hawser_brake_held_removals", .gauge, "Removals that wait for a person's approval.",
                removals.areHeld ? removals.wanted : 0),
            MetricFamily(
                "hawser_brake_counted_removals", .gauge,
                "Unapproved removals that are wanted now or were begun within the window.", removals.counted),
            MetricFamily(
                "hawser_brake_allowed_removals", .gauge,
                "How many removals are allowed within the window without approval.", removals.allowed),
            MetricFamily(
                "hawser_brake_window_seconds", .gauge, "The window in which removals are counted.",
                removals.window / .seconds(1)),
        ]
    }

    private static func lease(_ measured: Measurements) -> [MetricFamily] {
        var isHeld = false
        if case .held = measured.lease { isHeld = true }
        return [
            MetricFamily("hawser_lease_held", "Whether this hawserd may act (1) or only waits (0).", isHeld),
            MetricFamily(
                "hawser_lease_shared", "Whether there is a lease that another hawserd could hold.",
                measured.isLeaseShared),
        ]
    }

    private static func systems(_ measured: Measurements) -> [MetricFamily] {
        let isCloudReached =
            !measured.troubles.contains(.cloudUnreachable) && !measured.troubles.contains(.notAllowed)
            && measured.volumesListedAt != nil
        return [
            MetricFamily(
                "hawser_node_trouble", .gauge, "Whether this is wrong with the node as a whole (1), by cause.",
                CauseKind.ofNodes.map {
                    .init(labels: [("reason", $0.rawValue)], value: measured.troubles.contains($0) ? 1 : 0)
                }),
            MetricFamily(
                "hawser_store_up", "Whether the store could be used when it was last asked.",
                !measured.troubles.contains(.storeUnavailable)),
            MetricFamily(
                "hawser_cloudstack_up", "Whether CloudStack answered when it was last asked.", isCloudReached),
            MetricFamily(
                "hawser_cloudstack_listing_age_seconds", .gauge,
                "How long ago the last complete listing came; since the start when none has come.",
                [("volumes", measured.volumesListedAt), ("machines", measured.machinesListedAt)].map { listing, at in
                    .init(
                        labels: [("listing", listing)],
                        value: (measured.at - (at ?? measured.begunAt)) / .seconds(1))
                }),
            MetricFamily("hawser_cloudstack_volumes", .gauge, "Volumes as last listed.", measured.volumes),
            MetricFamily("hawser_cloudstack_machines", .gauge, "Virtual machines as last listed.", measured.machines),
            MetricFamily(
                "hawser_devices_known", "Whether this machine's disks are known (1) or being looked for (0).",
                measured.devicesAreKnown),
            MetricFamily("hawser_devices", .gauge, "This machine's disks.", measured.devices),
            MetricFamily(
                "hawser_nbd_server_up", "Whether the NBD server answered when it was last asked.",
                measured.exportServer == .running),
            MetricFamily("hawser_exports", .gauge, "Exports, also those that are not Hawser's.", measured.exports),
            MetricFamily(
                "hawser_export_clients", .gauge, "Connected NBD clients, where they can be counted.", measured.clients),
        ]
    }

    private static func cloudCalls(_ calls: [CallCount]) -> [MetricFamily] {
        let calls = calls.sorted { $0.command < $1.command }
        return [
            MetricFamily(
                "hawser_cloudstack_calls_total", .counter, "Calls of CloudStack's API, by command and how they ended.",
                calls.flatMap { call -> [MetricFamily.Sample] in
                    let failures = CloudRemedy.allCases.map { ($0.outcome, call.failed[$0] ?? 0) }
                    return ([("answered", call.answered)] + failures).map { outcome, count in
                        MetricFamily.Sample(
                            labels: [("command", call.command), ("outcome", outcome)], value: Double(count))
                    }
                }),
            MetricFamily(
                "hawser_cloudstack_call_seconds", .summary, "How long calls of CloudStack's API took.",
                calls.flatMap { call -> [MetricFamily.Sample] in
                    let labels = [(name: "command", value: call.command)]
                    let count = call.answered + call.failed.values.reduce(0, +)
                    return [
                        .init(suffix: "_sum", labels: labels, value: call.duration / .seconds(1)),
                        .init(suffix: "_count", labels: labels, value: Double(count)),
                    ]
                }),
        ]
    }

    private static func work(_ measured: Measurements) -> [MetricFamily] {
        let steps = measured.work.steps
        return [
            MetricFamily(
                "hawser_steps_begun_total", .counter, "Steps that were begun.", by: "step",
                steps.mapValues(\.begun)),
            MetricFamily(
                "hawser_steps_ended_total", .counter, "Steps that ended, by how.",
                Step.Kind.allCases.flatMap { step -> [MetricFamily.Sample] in
                    let ended = steps[step]?.ended ?? [:]
                    return WorkCounts.Ending.allCases.map { ending in
                        MetricFamily.Sample(
                            labels: [("step", step.rawValue), ("outcome", ending.rawValue)],
                            value: Double(ended[ending] ?? 0))
                    }
                }),
            MetricFamily(
                "hawser_steps_under_way", .gauge, "Steps whose call has not returned.", measured.stepsUnderWay),
            MetricFamily(
                "hawser_steps_queued", .gauge, "Objects whose step waits for its turn.", measured.queuedSteps),
            MetricFamily(
                "hawser_jobs_under_way", .gauge, "CloudStack's jobs of Hawser's that are not known to have ended.",
                measured.jobsUnderWay),
            MetricFamily(
                "hawser_looks_total", .counter, "Reads of one thing that were begun, by what is read.", by: "look",
                measured.work.looks),
            MetricFamily(
                "hawser_looks_under_way", .gauge, "Reads of CloudStack that have not returned.",
                measured.looksUnderWay),
            MetricFamily(
                "hawser_looks_queued", .gauge, "Objects whose read waits for its turn.", measured.queuedLooks),
        ]
    }
}

extension CloudRemedy {
    /// How a call ended after which that is to be done.
    fileprivate var outcome: String {
        switch self {
        case .retryLater: "retry-later"
        case .lookAgain: "look-again"
        case .wrongRequest: "wrong-request"
        case .notAllowed: "not-allowed"
        case .notThere: "not-there"
        case .limitReached: "limit-reached"
        }
    }
}
