import Planning
import Testing
import VolumeModel

/// BRAKE as rules: what counts as a removal, how many are allowed, and when all are held.
@Suite struct BrakeRulesTests {
    private func removal(_ change: (inout VolumeView) -> Void) -> Fact<String> {
        BrakeRules.removal(Fixture.view(change), at: Fixture.now, policy: Fixture.policy)
    }

    private func isCounted(_ change: (inout VolumeView) -> Void) -> Bool { removal(change).value != nil }

    private func departing(_ view: inout VolumeView) { view.desired.isDeparting = true }

    @Test func `BRAKE: what agrees leads to no removal, and what departs does`() {
        #expect(removal { _ in } == .absent)
        #expect(isCounted(departing))
    }

    @Test func `BRAKE: what a person approved, forbade, or only observes does not count`() {
        #expect(
            removal {
                departing(&$0); $0.desired.isRemovalApproved = true
            } == .absent)
        #expect(
            removal {
                departing(&$0); $0.desired.mode = .observe
            } == .absent)
        #expect(
            removal {
                departing(&$0); $0.desired.suspension = Suspension(reason: "x", until: nil)
            } == .absent)
    }

    @Test func `BRAKE: a volume that is not known is not known to count`() {
        #expect(
            removal {
                departing(&$0); $0.cloud = .never
            } == .unknown)
    }

    @Test func `BRAKE: a name that is wanted no longer counts, and so does one that is wanted in another way`() {
        #expect(isCounted { $0.desired.export?.isReadOnly = true })
        #expect(isCounted { $0.staleExports = [Fixture.entry] })
        // Before the exports were observed nothing is known of names, and what was held stays held.
        #expect(removal { $0.export = .never } == .unknown)
    }

    @Test func `BRAKE: a volume that is wanted elsewhere counts, whether it may go now or not`() {
        #expect(isCounted { $0.target = .present(Fixture.other) })
        #expect(
            isCounted {
                $0.target = .present(Fixture.other)
                $0.sessions = Fixture.exact(.present(.known(3)))
            })
        #expect(removal { $0.target = .unknown } == .unknown)
    }

    @Test func `RIGHT-DISK outranks BRAKE: a name that leads to a wrong disk is no removal`() {
        let gone = Fixture.view { $0.devices = .absent }
        let step = Step.withdraw(Fixture.name, of: .hawser(Fixture.volume), leadingTo: gone.shownTarget)
        #expect(!BrakeRules.isRemoval(step, of: gone))
        #expect(BrakeRules.isRemoval(step, of: Fixture.view { $0.desired.isDeparting = true }))
    }

    // MARK: Counting

    private func attachment(_ number: UInt64) -> AttachmentID { AttachmentID(UUIDValue(high: 0xD, low: number)) }

    @Test(arguments: [(1, 1), (99, 1), (100, 1), (250, 2), (1_000, 10)])
    func `BRAKE: the allowance is the larger of one volume and one percent`(volumes: Int, allowed: Int) {
        #expect(Brake.allowance(among: volumes, policy: Policy()) == allowed)
    }

    @Test func `BRAKE: once engaged it stays so until nothing is wanted, however old`() {
        var brake = Brake()
        let policy = Policy()
        for number in 1...2 { brake.note(.present("x"), of: attachment(UInt64(number)), generation: 1) }
        brake.judge(among: 5, at: Fixture.now, policy: policy)
        #expect(brake.isEngaged)
        brake.note(.absent, of: attachment(1), generation: 1)
        brake.note(.unknown, of: attachment(2), generation: 1)
        brake.judge(among: 5, at: Fixture.now + .seconds(100_000), policy: policy)
        #expect(brake.isEngaged)
        brake.note(.absent, of: attachment(2), generation: 2)
        brake.judge(among: 5, at: Fixture.now, policy: policy)
        #expect(!brake.isEngaged)
    }

    @Test func `BRAKE: a volume that was begun and is wanted counts once, and for the window`() {
        var brake = Brake()
        let policy = Policy()
        brake.note(.present("x"), of: attachment(1), generation: 1)
        brake.begin(attachment(1), at: Fixture.now, policy: policy)
        #expect(brake.count(at: Fixture.now, policy: policy) == 1)
        brake.note(.absent, of: attachment(1), generation: 1)
        #expect(brake.count(at: Fixture.now + .seconds(599), policy: policy) == 1)
        #expect(brake.count(at: Fixture.now + .seconds(600), policy: policy) == 0)
    }

    @Test func `BRAKE: a batch's word stands for just its members and what is wanted of them`() {
        func batch(_ members: [(UInt64, Int64)]) -> String {
            var brake = Brake()
            for (number, generation) in members {
                brake.note(.present("x"), of: attachment(number), generation: generation)
            }
            return brake.batch
        }
        #expect(batch([(1, 1), (2, 5)]) == batch([(2, 5), (1, 1)]))
        #expect(Set([batch([(1, 1)]), batch([(1, 2)]), batch([(2, 1)]), batch([(1, 1), (2, 1)])]).count == 4)
        #expect(batch([(1, 1)]).count == 10)
    }
}
