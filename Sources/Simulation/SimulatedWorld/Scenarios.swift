import CloudStackModel
import VolumeModel

/// What went wrong with attach controllers in the field, each told as a plan of its own. A seed gives it other delays.
///
/// The numbers and the reports behind them are those of the project's list of hazards; docs/reliability.md has them as a table.
public struct Scenario: Sendable {
    public let name: String
    /// What happened, in words.
    public let title: String
    /// Where.
    public let origin: String
    private let make: @Sendable (inout Plan) -> Void

    private init(
        _ name: String, _ title: String, _ origin: String, _ acts: [(Int, Act)],
        _ change: @escaping @Sendable (inout Plan) -> Void = { _ in }
    ) {
        self.name = name
        self.title = title
        self.origin = origin
        make = { plan in
            plan.entries = acts.map { Plan.Entry(at: .seconds($0.0), act: $0.1) }
            plan.trouble = .seconds((acts.last?.0 ?? 0) + 120)
            change(&plan)
        }
    }

    /// The scenario with these delays. The servers take turns.
    public func plan(seed: UInt64) -> Plan {
        var plan = Plan.everyStep(0, server: Int(seed % 3))
        plan.seed = seed
        plan.objects = [
            Plan.Object(reference: .id, deletesData: false), Plan.Object(reference: .name, deletesData: false),
            Plan.Object(reference: .created, deletesData: true),
        ]
        make(&plan)
        return plan
    }

    private static func fault(
        _ kind: Fault.Kind, command: String? = nil, count: Int? = nil, milliseconds: Int64? = nil
    ) -> Act {
        .fault(Fault(kind: kind, command: command, count: count, milliseconds: milliseconds), seconds: 60)
    }

    private static let start: [(Int, Act)] = [
        (1, .want(0)), (2, .want(1)), (3, .want(2)), (15, .connect(client: 0)),
    ]

    public static let all: [Scenario] = [
        Scenario(
            "S1", "a detach that comes late wipes a newer attachment", "apache/cloudstack #14214",
            start + [
                (30, .disconnect(client: 0)), (31, fault(.lateDetach, count: 1, milliseconds: 20_000)),
                (32, .move(0, to: 1)), (40, .stopMachine(1)), (45, .move(0, to: 0)),
            ]),
        Scenario(
            "S2", "a detach is reported as failed, and done", "apache/cloudstack #6508",
            start + [
                (30, .disconnect(client: 0)), (31, fault(.jobWithoutResult, command: "detachVolume", count: 2)),
                (32, .delete(0)), (33, .move(1, to: 1)),
            ]),
        Scenario(
            "S3", "a detach fails again and again for a while", "apache/cloudstack #13014",
            start + [
                (30, .disconnect(client: 0)), (31, fault(.jobFails, command: "detachVolume")), (32, .delete(0)),
            ]),
        Scenario(
            "S4", "CloudStack has detached, and the hypervisor keeps the disk", "apache/cloudstack #3290, #4572",
            start + [(30, .disconnect(client: 0)), (31, .restartManagementServer), (32, .delete(0)), (33, .want(1))],
            { plan in
                plan.entries.append(Plan.Entry(at: .milliseconds(32_150), act: .restartManagementServer))
                plan.entries.sort { $0.at < $1.at }
            }),
        Scenario(
            "S6", "a machine is destroyed with the volumes on it", "cluster-api-provider-cloudstack #389",
            start + [(30, .disconnect(client: 0)), (31, .move(0, to: 1)), (60, .destroyMachine(1)), (90, .reconcile)]),
        Scenario(
            "S7", "a volume that is mounted for a day is detached after some minutes", "kubernetes #106710",
            start + [(30, .mount(1)), (60, .delete(1)), (61, .delete(0)), (86_400, .reconcile)]),
        Scenario(
            "S8", "a person's force outlives what it was given for", "kubernetes #142331",
            start + [
                (30, .allowInUse(0)), (31, .detachByHand(0)), (60, .delete(0)), (90, .disconnect(client: 0)),
            ]),
        Scenario(
            "S10", "an error is taken for 'not done'", "kubernetes #32727", start + [(30, .delete(1)), (31, .want(1))],
            { $0.callFaults = 0.4 }),
        Scenario(
            "S11", "the process starts anew in the middle of a detach", "kubernetes #81097",
            start + [
                (30, .disconnect(client: 0)), (31, .delete(0)), (31, .kill(seconds: 1)), (33, .kill(seconds: 2)),
                (36, .kill(seconds: 1)),
            ]),
        Scenario(
            "S12", "what is deleted while the controller is away is not noticed", "kubernetes #34242",
            start + [(30, .disconnect(client: 0)), (31, .kill(seconds: 30)), (35, .delete(0)), (36, .delete(2))]),
        Scenario(
            "S13", "the state changes between the list and the act", "kubernetes #93902",
            start + [
                (30, .disconnect(client: 0)), (31, .delete(0)), (31, .detachByHand(0)), (32, .attachByHand(0, to: 1)),
            ]),
        Scenario(
            "S14", "two machines have one volume", "kubernetes #10462, #48953",
            [
                (1, .attachByHand(0, to: 1)), (2, .want(0)), (30, .attachByHand(1, to: 1)), (31, .want(1)),
                (60, .stopMachine(1)),
            ]),
        Scenario(
            "S16", "the disk stays in the guest after the detach", "kubernetes #63176",
            start + [
                (30, .disconnect(client: 0)), (31, .detachByHand(0)), (31, .loseDeviceEvents), (33, .want(0)),
                (60, .delete(1)), (60, .loseDeviceEvents),
            ]),
        Scenario(
            "S17", "a device that is not there blocks the detach for ever", "kubernetes #141839",
            [(1, fault(.deviceNeverAppears)), (2, .want(0)), (60, .delete(0))]),
        Scenario(
            "S18", "a machine is lost, and its volume is given away too early, or never", "kubernetes #62061, #65392",
            start + [
                (30, .disconnect(client: 0)), (31, .move(0, to: 1)), (60, .move(0, to: 0)), (120, .stopMachine(1)),
            ]),
        Scenario(
            "S19", "an address is used again, and a stranger's volume is read", "CVE-2023-2088",
            start + [
                (30, .detachByHand(0)), (30, .attachByHand(1, to: 0)), (31, .reboot(seconds: 20)),
                (70, .detachByHand(1)),
                (71, .want(2)),
            ]),
        Scenario(
            "S20", "udev is minutes late, and a link leads to another disk", "aws-ebs-csi-driver #1224",
            start + [
                (30, .reboot(seconds: 5)), (36, .loseDeviceEvents), (60, .detachByHand(0)), (60, .detachByHand(1)),
                (61, .loseDeviceEvents),
            ], { $0.lostEvents = 0.8 }),
        Scenario(
            "S21", "a link that is left over from an earlier disk", "gcp-pd-csi-driver #2403, #376",
            start + [(30, .kill(seconds: 20)), (32, .detachByHand(0)), (34, .detachByHand(1)), (60, .swapNames(0, 1))]),
        Scenario(
            "S22", "a kernel name goes from one disk to another within milliseconds", "hetzner csi-driver #1457",
            start + [(30, .detachByHand(0)), (30, .detachByHand(1)), (30, .detachByHand(2)), (50, .detachByHand(1))]),
        Scenario(
            "S26", "two owners take a volume from each other again and again", "longhorn #6688, #6915",
            start + [(30, .contend(0, every: 5, times: 200))], { $0.trouble = .seconds(1_000) }),
        Scenario(
            "S27", "what was taken down is taken down again", "nomad #10052, #24130",
            start + [
                (30, .disconnect(client: 0)), (31, fault(.dropAfter)), (32, fault(.jobLost, count: 3)),
                (33, .delete(0)),
                (34, .delete(2)),
            ]),
        Scenario(
            "S28", "nine of ten objects vanish at once", "argo-cd #7412, #3484",
            start + [(30, .disconnect(client: 0)), (31, .deleteAll), (300, .reconcile)]),
        Scenario(
            "S29", "a pass does again what agrees", "terraform-provider-hcloud #495",
            start + (0..<40).map { (60 + $0 * 900, .reconcile) }),
        Scenario(
            "S30", "half a move: detached here, refused there", "terraform-provider-hcloud #253",
            start + [
                (30, .disconnect(client: 0)), (31, .destroyMachine(1)), (40, .move(0, to: 1)), (60, .move(0, to: 0)),
            ]),
        Scenario(
            "S31", "a page has 500 of 10,000 rows, or none", "libcloud's CloudStack driver",
            start + [
                (30, fault(.shortPage)), (31, fault(.emptyList)), (32, fault(.staleList)), (33, fault(.unstableOrder)),
                (40, .kill(seconds: 1)), (200, .reconcile),
            ]),
        Scenario(
            "S32", "the NBD server keeps what was taken away, or forgets what is there", "nbd #96, #102, #126",
            start + [
                (30, .serverDown(seconds: 5)), (40, .readOnly(0, true)), (41, .export(1, false)),
                (42, .kill(seconds: 1)),
                (50, .serverDown(seconds: 5)), (60, .swapNames(0, 2)), (61, .disconnect(client: 0)),
            ], { $0.server = .daemon }),
        Scenario(
            "S34", "a phase is taken for a failure", "cloud-provider-openstack #1801", start + [(30, .move(0, to: 1))],
            { $0.isCloudSlow = true }),
    ]
}
