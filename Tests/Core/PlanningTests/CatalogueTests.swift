import Planning
import Testing
import VolumeModel

/// ONE-CAUSE: every cause of the catalogue can be reached, says something, and names whose move it is.
@Suite("ONE-CAUSE") struct CatalogueTests {
    private static func record(_ change: (inout VolumeRecord) -> Void) -> Sighting<VolumeRecord> {
        var record = Fixture.record
        record.attachedTo = nil
        change(&record)
        return Fixture.exact(.present(record))
    }

    private static func failed(_ remedy: CloudRemedy) -> Backoff {
        .after(
            nil, world: .cloudStack, remedy: remedy, text: "words", retryAfter: nil, generation: 1, jitter: 0.5,
            now: Fixture.now,
            policy: Fixture.policy)
    }

    private static func named(_ resolution: NameResolution) -> VolumeView {
        Fixture.detached {
            $0.desired.volume = .named("data", zone: .id(Fixture.zone))
            $0.volume = nil
            $0.resolution = resolution
        }
    }

    /// A view for each cause that the planner gives.
    static let views: [(code: String, view: VolumeView)] = [
        ("ClaimedTwice", Fixture.detached { $0.claimedBy = Fixture.object }),
        (
            "SerialShared",
            Fixture.view {
                $0.serialSharedWith = Fixture.twin; $0.export = Fixture.exact(.absent)
            }
        ),
        (
            "ExportNameTaken",
            Fixture.view { view in
                var entry = Fixture.entry
                entry.owner = .hawser(Fixture.twin)
                view.export = Fixture.exact(.present(entry))
            }
        ),
        ("CloudNotReadYet", Fixture.view { $0.cloud = .never }),
        ("NotAllowed", Fixture.detached { $0.backoff = failed(.notAllowed) }),
        ("RequestRefused", Fixture.detached { $0.backoff = failed(.wrongRequest) }),
        ("LimitReached", Fixture.detached { $0.backoff = failed(.limitReached) }),
        ("BackingOff", Fixture.detached { $0.backoff = failed(.retryLater) }),
        ("VolumeNotFound", named(.volumes([], asked: Fixture.now, answered: Fixture.now))),
        (
            "VolumeNameAmbiguous",
            named(.volumes([Fixture.record, Fixture.record], asked: Fixture.now, answered: Fixture.now))
        ),
        ("VolumeGone", Fixture.detached { $0.cloud = Fixture.exact(.absent) }),
        ("RecordsDisagree", Fixture.view { $0.cloud = Fixture.exact(.absent) }),
        ("VolumeTransitional", Fixture.detached { $0.cloud = record { $0.state = .transitional("Migrating") } }),
        ("VolumeUnusable", Fixture.detached { $0.cloud = record { $0.state = .unusable("UploadError") } }),
        ("RootVolume", Fixture.detached { $0.cloud = record { $0.kind = .root } }),
        ("MachineNotFound", Fixture.detached { $0.target = .absent }),
        (
            "MachineTransitional",
            Fixture.detached {
                $0.targetMachine = Fixture.exact(.present(Fixture.machine(Fixture.here, .transitional("Migrating"))))
            }
        ),
        (
            "MachineUnusable",
            Fixture.detached {
                $0.targetMachine = Fixture.exact(.present(Fixture.machine(Fixture.here, .unusable("Error"))))
            }
        ),
        ("ZoneMismatch", Fixture.detached { $0.cloud = record { $0.zone = ZoneID(UUIDValue(high: 9, low: 9)) } }),
        (
            "HeldElsewhere",
            Fixture.detached { view in
                view.cloud = record { $0.attachedTo = Fixture.other }
                view.holderMachine = Fixture.exact(.present(Fixture.machine(Fixture.other)))
            }
        ),
        (
            "HolderMissing",
            Fixture.view { view in
                var record = Fixture.record
                record.attachedTo = Fixture.other
                view.target = .present(Fixture.other)
                view.cloud = Fixture.listed(.present(record))
                view.devices = .absent
                view.export = Fixture.exact(.absent)
                view.isHolderNominatedAbsent = true
                view.holderMachine = Fixture.exact(.absent)
            }
        ),
        ("ForeignJob", Fixture.detached { $0.cloud = record { $0.pendingJob = Fixture.job } }),
        (
            "Working",
            Fixture.detached {
                $0.outstanding = Fixture.outstanding(.never)
                $0.outstanding?.isBeingSent = true
            }
        ),
        ("Looking", Fixture.detached { $0.cloud = Fixture.listed($0.cloud.fact) }),
        (
            "WaitingForJob",
            Fixture.detached {
                $0.outstanding = Fixture.outstanding(Fixture.exact(.present(.running)), isAccepted: true)
            }
        ),
        ("AnswerLost", Fixture.detached { $0.outstanding = Fixture.outstanding(.never) }),
        (
            "Contested",
            Fixture.detached { view in
                var contest = Contest(machine: Fixture.here, stoodSince: Fixture.now - .seconds(30))
                contest.times = 2
                contest.undoneAt = Fixture.now - .seconds(1)
                view.contest = Shared(contest)
            }
        ),
        ("DevicesNotReadYet", Fixture.view { $0.devices = .unknown }),
        (
            "WaitingForDevice",
            Fixture.view {
                $0.devices = .absent; $0.export = Fixture.exact(.absent)
            }
        ),
        (
            "DeviceMissing",
            Fixture.view {
                $0.devices = .absent
                $0.export = Fixture.exact(.absent)
                $0.waitingSince = Fixture.now - .seconds(61)
            }
        ),
        ("DeviceLingers", Fixture.detached { $0.devices = .present([Fixture.device]) }),
        (
            "SerialSeenTwice",
            Fixture.view {
                $0.devices = .present([Fixture.device, Fixture.device]); $0.export = Fixture.exact(.absent)
            }
        ),
        (
            "DeviceMismatch",
            Fixture.view {
                $0.export = Fixture.exact(.absent); $0.mismatch = Fixture.exact(.present("size differs"))
            }
        ),
        ("InUseByClients", Fixture.departing { $0.sessions = Fixture.exact(.present(.known(2))) }),
        (
            "InUseLocally",
            Fixture.departing { $0.use = Fixture.exact(.present(DeviceUse(witnesses: [.swap], undetermined: []))) }
        ),
        ("UseUndetermined", Fixture.departing { $0.sessions = Fixture.exact(.present(.unknown("hidden"))) }),
        ("ExportServerDown", Fixture.view { $0.server = .down("refused") }),
        (
            "WaitingForExport",
            Fixture.view { view in
                var entry = Fixture.entry
                entry.liveness = .notListed
                view.export = Fixture.exact(.present(entry))
            }
        ),
        (
            "RootHere",
            Fixture.detached {
                $0.desired.role = .root
                $0.targetMachine = Fixture.exact(.present(Fixture.machine(Fixture.here, .stopped)))
            }
        ),
        (
            "MachineNotStopped",
            Fixture.detached {
                $0.desired.role = .root
                $0.target = .present(Fixture.other)
                $0.targetMachine = Fixture.exact(.present(Fixture.machine(Fixture.other)))
            }
        ),
        (
            "MachineHasRoot",
            Fixture.detached {
                $0.desired.role = .root
                $0.target = .present(Fixture.other)
                $0.targetMachine = Fixture.exact(.present(Fixture.machine(Fixture.other, .stopped)))
                $0.targetRoot = .present(Fixture.twin)
            }
        ),
        (
            "CannotShrink",
            Fixture.view { view in
                view.desired.wantedSizeInBytes = 10 << 30
                view.cloud = Fixture.exact(.present(Fixture.record(sizeInBytes: 20 << 30)))
                view.devices = .present([Fixture.device(sizeInBytes: 20 << 30)])
            }
        ),
        (
            "WaitingForGrowth",
            Fixture.view { view in
                view.proven = Fixture.device.identity
                view.cloud = Fixture.exact(.present(Fixture.record(sizeInBytes: 2 << 30)))
            }
        ),
        (
            "GrowthMissing",
            Fixture.view { view in
                view.proven = Fixture.device.identity
                view.cloud = Fixture.exact(.present(Fixture.record(sizeInBytes: 2 << 30)))
                view.waitingSince = Fixture.now - .seconds(61)
            }
        ),
        (
            "ObserveOnly",
            Fixture.detached { $0.desired.mode = .observe }
        ),
        (
            "Suspended",
            Fixture.detached { $0.desired.suspension = Suspension(reason: "a test", until: nil) }
        ),
        ("DeletionGrace", Fixture.deletable { $0.desired.departingSince = Fixture.now - .seconds(5) }),
        ("Protected", Fixture.deletable { $0.protection = "of value" }),
        (
            "NotMadeHere",
            Fixture.deletable { view in
                view.cloud = record { record in
                    record.attachedTo = nil
                    record.name = "renamed"
                }
            }
        ),
    ]

    /// Causes that the loop gives and not the planner; its own tests reach them.
    static let ofTheLoop: Set<String> = [
        "InvalidSpec", "CloudUnreachable", "ListingIncomplete", "Queued", "StoreUnavailable", "Stopping",
        "ManifestsUnreadable", "LeaseUnproven", "LeaseHeldElsewhere", "Braked",
    ]

    @Test(arguments: views.indices) func `ONE-CAUSE: each cause is reached, with words, a next step and a mover`(
        index: Int
    ) {
        let (code, view) = Self.views[index]
        let decision = Fixture.decide(view)
        #expect(decision.cause?.code == code, "\(decision)")
        #expect(decision.cause?.message.isEmpty == false)
        #expect(decision.cause?.next.isEmpty == false)
        // A state that nobody else wakes has to wake itself.
        if case .hold(let cause, nil) = decision, cause.mover == .cloudStack {
            Issue.record("\(cause) waits for CloudStack without looking again")
        }
    }

    /// The catalogue is closed: a case that is added to it has to be added here, and be reached.
    @Test func `ONE-CAUSE: the catalogue is reached as a whole`() {
        let reached = Set(Self.views.map(\.code)).union(Self.ofTheLoop)
        #expect(reached == Set(CauseKind.allCases.map(\.rawValue)))
    }

    @Test(arguments: CauseKind.allCases) func `each cause is explained, with a command to look and what to do`(
        kind: CauseKind
    ) {
        let explanation = kind.explanation
        #expect(explanation.meaning.hasSuffix("."))
        #expect(explanation.look.hasPrefix("hawser "))
        #expect(!explanation.remedy.isEmpty)
    }
}

@Suite struct DriftRulesTests {
    @Test(arguments: [
        (Fixture.detached { $0.cloud = Fixture.exact(.absent) }, Drift.Kind.volumeMissing),
        (Fixture.detached(), .notAttached), (Fixture.detached(), .deviceMissing), (Fixture.detached(), .exportMissing),
        (Fixture.view { $0.target = .present(Fixture.other) }, .attachedElsewhere),
        (Fixture.view { $0.target = .present(Fixture.other) }, .deviceLingers),
        (Fixture.view { $0.target = .present(Fixture.other) }, .exportUnwanted),
        (Fixture.departing(), .stillAttached), (Fixture.view { $0.server = .down("x") }, .serverDown),
        (Fixture.view { $0.serialSharedWith = Fixture.twin }, .deviceWrong),
        (Fixture.view { $0.desired.export?.isReadOnly = true }, .exportModeWrong),
        (
            Fixture.view { view in
                var entry = Fixture.entry
                entry.target = .device(DeviceNumber(major: 1, minor: 1), diskSequence: 1)
                view.export = Fixture.exact(.present(entry))
            }, .exportOnWrongDisk
        ),
        (
            Fixture.view { view in
                var entry = Fixture.entry
                entry.liveness = .notListed
                view.export = Fixture.exact(.present(entry))
            }, .exportNotLive
        ),
    ]) func `each kind of drift is told`(view: VolumeView, kind: Drift.Kind) {
        #expect(DriftRules.drifts(view).map(\.kind).contains(kind), "\(DriftRules.drifts(view))")
    }

    @Test func `what is unknown is no drift`() {
        let view = Fixture.view {
            $0.cloud = .never
            $0.devices = .unknown
            $0.export = .never
            $0.server = .unknown
        }
        #expect(DriftRules.drifts(view).isEmpty)
    }
}

@Suite struct BackoffTests {
    @Test func `waits double up to a cap, spread by jitter`() {
        var backoff: Backoff?
        var waits: [Duration] = []
        for _ in 0..<12 {
            backoff = .after(
                backoff, world: .cloudStack, remedy: .retryLater, text: "", retryAfter: nil, generation: 1, jitter: 1,
                now: Fixture.now,
                policy: Fixture.policy)
            waits.append((backoff?.until ?? Fixture.now) - Fixture.now)
        }
        #expect(waits.prefix(4) == [.seconds(1), .seconds(2), .seconds(4), .seconds(8)])
        #expect(waits.last == .seconds(300))
    }

    @Test func `what CloudStack asks for is waited at least`() {
        let backoff = Backoff.after(
            nil, world: .cloudStack, remedy: .retryLater, text: "", retryAfter: .seconds(9), generation: 1, jitter: 0,
            now: Fixture.now,
            policy: Fixture.policy)
        #expect(backoff.until == Fixture.now + .seconds(9))
    }

    @Test func `a wrong request is not tried again until desired state changes`() {
        let backoff = Backoff.after(
            nil, world: .cloudStack, remedy: .wrongRequest, text: "", retryAfter: nil, generation: 1, jitter: 0,
            now: Fixture.now,
            policy: Fixture.policy)
        #expect(backoff.cause(now: Fixture.now + .seconds(1_000_000)) == .requestRefused(""))
    }
}
