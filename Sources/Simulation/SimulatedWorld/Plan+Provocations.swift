import CloudStackModel
import VolumeModel

extension Plan {
    /// Short stories in which one certain mistake would show: each was written when a deliberate mistake went unseen, or a
    /// cause of the catalogue was never reached. Drawn apart from the rest, so that what a seed draws otherwise stays.
    mutating func provoke(_ seed: UInt64) {
        var chance = SplitMix64(seed: seed &* 0xA24B_AED5 &+ 11)
        for index in objects.indices where !hasTwins && chance.chance(0.02) {
            objects[index].reference = .rootDisk(of: machines - 1)
        }
        for index in objects.indices where objects[index].reference == .id && chance.chance(0.02) {
            objects[index].rootOf = machines - 1
        }
        for index in objects.indices where chance.chance(0.01) { objects[index].zone = "zone-9" }
        for index in objects.indices where chance.chance(0.01) { objects[index].offering = "Gone" }
        if daemons > 1 {
            for _ in 0..<Int(chance.next() % 4) {
                let at = chance.within(.seconds(1)...trouble)
                let object = Int(chance.next() % UInt64(objects.count))
                tell([(0, .stopInHand), (0, .readOnly(object, chance.chance(0.5)))], from: at)
            }
        }
        for _ in 0..<Int(chance.next() % 6) {
            let at = chance.within(.seconds(1)...trouble)
            let object = Int(chance.next() % UInt64(objects.count))
            let other = Int(chance.next() % UInt64(objects.count))
            tell(story(of: object, other, &chance), from: at)
        }
    }

    /// More of them, drawn apart from those.
    mutating func provokeMore(_ seed: UInt64) {
        var chance = SplitMix64(seed: seed &* 0x9E6C_63D1 &+ 13)
        for _ in 0...Int(chance.next() % 5) {
            let at = chance.within(.seconds(1)...trouble)
            let object = Int(chance.next() % UInt64(objects.count))
            let other = Int(chance.next() % UInt64(objects.count))
            let story: [(Int, Act)]
            switch chance.next() % 11 {
            case 0: story = [(0, .vanish(object)), (90, .vanish(other)), (240, .want(object)), (250, .want(other))]
            case 1:
                let clock = Int(chance.next() % 3_600) - 600
                story = [
                    (0, .dieInCall(clock: clock)), (1, .detachByHand(object)), (2, .delete(other)), (90, .want(other)),
                ]
            case 2:
                story = [
                    (0, .cutOff(seconds: 90)), (40, .swapNames(object, other)),
                    (60, .detachByHand(object)), (70, .swapNames(object, other)),
                ]
            case 3:
                // A list of before the attach, and the object goes.
                story = [
                    (0, .detachByHand(object)), (0, .fault(Fault(kind: .staleList), seconds: 130)),
                    (1, .move(object, to: machines - 1)), (90, .delete(object)), (91, .reconcile), (140, .want(object)),
                ]
            case 4:
                // What was wanted when it was stopped is not any more.
                let client = clients > 0 ? Int(chance.next() % UInt64(clients)) : 0
                story = [
                    (0, .connect(client: client)), (3, .move(object, to: machines - 1)),
                    (9, .slowAnswers(percent: 10, seconds: 240)), (10, .pause(seconds: 201)),
                    (15, .move(object, to: 0)),
                    (205, .disconnect(client: client)),
                ]
            case 5:
                story = [
                    (0, .slowAnswers(percent: 12, seconds: 30)), (1, .detachByHand(object)), (2, .stop(seconds: 1)),
                    (12, .detachByHand(other)), (13, .stop(seconds: 1)), (20, .detachByHand(object)),
                    (21, .stop(seconds: 2)),
                ]
            case 6:
                story = [
                    (0, .export(object, false)), (5, .mount(object)), (6, .move(object, to: machines - 1)),
                    (10, .slowAnswers(percent: 15, seconds: 120)), (11, .stopUnread(object)),
                    (100, .unmount(object)), (110, .export(object, true)), (120, .move(object, to: 0)),
                ]
            case 7: story = [(0, .delete(object)), (25, .dieInCall(clock: 0)), (150, .want(object))]
            case 8:
                story = [
                    (0, .moveToName(object, "machine-\(machines - 1)")), (80, .loseMachine(machines - 1)),
                    (85, .delete(object)), (150, .want(object)),
                ]
            case 9:
                // For long, from early on.
                tell([(30, .contend(object, every: 15, times: 60))], from: .zero)
                story = []
            default:
                story = [
                    (0, .slowAnswers(percent: 60 + Int(chance.next() % 120), seconds: 40)), (1, .delete(object)),
                    (2, .detachByHand(other)), (20, .readOnly(object, chance.chance(0.5))), (60, .want(object)),
                ]
            }
            tell(story, from: at)
        }
        if chance.chance(0.05) {
            // Another disk has the serial, and the right one is plugged in anew beside it.
            let object = Int(chance.next() % UInt64(objects.count))
            let other = (object + 1) % objects.count
            tell(
                [(0, .forgeDisk(object)), (10, .replug(object, other)), (70, .removeForgedDisks)],
                from: chance.within(.seconds(20)...trouble))
        }
        if chance.chance(0.05) {
            // Nobody has read that it is detached and has grown, when another disk shows its serial and the size that it had.
            let object = Int(chance.next() % UInt64(objects.count))
            tell(
                [
                    (0, .detachByHand(object)), (1, .growRecord(object)), (3, .forgeDisk(object)),
                    (70, .removeForgedDisks),
                ],
                from: chance.within(.seconds(20)...trouble))
        }
        if chance.chance(0.05) {
            // What is wanted changes twice while the store takes its time.
            let object = Int(chance.next() % UInt64(objects.count))
            let other = (object + 1) % objects.count
            tell(
                [
                    (0, .slowAnswers(percent: 15, seconds: 60)), (1, .mount(object)), (20, .swapNames(object, other)),
                    (23, .export(other, false)), (100, .unmount(object)), (110, .export(other, true)),
                ],
                from: chance.within(.seconds(1)...trouble))
        }
    }

    /// Some mistakes show only where nothing else goes on: names change places, and of two hawserd the one that worked until now
    /// cannot know it.
    mutating func provokeInPeace(_ seed: UInt64) {
        var chance = SplitMix64(seed: seed &* 0xB529_7A4D &+ 17)
        guard objects.count > 1, chance.chance(0.03) else { return }
        (callFaults, storeDoubts, lostEvents, stopsBetween, ambushes) = (0, 0, 0, 0, 0)
        (isCloudSlow, hasTwins, hasFarMachine, onlyObserves) = (false, false, false, false)
        daemons = 2
        leaseLifetime = .seconds(2 + Int(chance.next() % 5))
        trouble = max(trouble, .seconds(400))
        for index in objects.indices {
            objects[index] = Object(reference: .id, deletesData: objects[index].deletesData)
        }
        entries.removeAll { if case .want = $0.act { $0.at > .seconds(20) } else { true } }
        let object = Int(chance.next() % UInt64(objects.count))
        let other = (object + 1) % objects.count
        let begin = chance.within(.seconds(60) ... .seconds(120))
        tell(
            [
                (0, .cutOff(seconds: 90)), (40, .swapNames(object, other)), (130, .stopInHand),
                (130, .swapNames(object, other)), (180, .swapNames(object, other)),
            ], from: begin)
    }

    private mutating func tell(_ story: [(Int, Act)], from begin: Duration) {
        for (seconds, act) in story where begin + .seconds(seconds) <= trouble {
            entries.append(Entry(at: begin + .seconds(seconds), act: act))
        }
    }

    /// Acts with the seconds after which each comes.
    private func story(of object: Int, _ other: Int, _ chance: inout SplitMix64) -> [(Int, Act)] {
        let client = clients > 0 ? Int(chance.next() % UInt64(clients)) : 0
        switch chance.next() % 20 {
        case 0:
            // A person's word for one disk, which is another by the time it could be used.
            return [
                (0, .allowInUse(object)), (2, .detachByHand(object)), (40, .mount(object)),
                (41, .connect(client: client)),
                (45, .delete(object)), (120, .unmount(object)), (130, .want(object)),
            ]
        case 1: return [(0, .garble(object, true)), (70, .detachByHand(object)), (110, .garble(object, false))]
        case 2:
            return [(0, .garble(object, true)), (5, .kill(seconds: 1)), (130, .garble(object, false))]
        case 3:
            return [
                (0, .fault(Fault(kind: .emptyList), seconds: 20)), (1, .reconcile), (2, .delete(object)),
                (3, .reconcile),
                (60, .want(object)),
            ]
        case 4:
            return [
                (0, .hideExports(seconds: 90)), (1, .kill(seconds: 0)), (5, .delete(object)), (100, .want(object)),
            ]
        case 5:
            return [
                (0, .stopInHand), (0, .swapNames(object, other)), (30, .swapNames(object, other)),
                (60, .connect(client: client)),
            ]
        case 6:
            return [
                (0, .fault(Fault(kind: .staleList), seconds: 40)), (1, .size(object, gibibytes: 18)), (15, .reconcile),
                (25, .reconcile),
            ]
        case 7: return [(0, .protect(object, true)), (80, .delete(object)), (250, .protect(object, false))]
        case 8: return [(0, .export(object, false)), (10, .foreignExport(object)), (20, .export(object, true))]
        case 9: return [(0, .move(object, to: machines + 3)), (60, .move(object, to: 0))]
        case 10:
            let state = chance.chance(0.5) ? "Migrating" : "UploadError"
            return [(0, .detachByHand(object)), (0, .setState(object, state)), (50, .setState(object, "Ready"))]
        case 11: return [(0, .limitDisks(0)), (1, .detachByHand(object)), (60, .limitDisks(32))]
        case 12:
            return [
                (0, .detachByHand(object)), (0, .attachByHand(object, to: machines - 1)),
                (20, .loseMachine(machines - 1)),
            ]
        case 13:
            let refusal = Fault(kind: .jobFails, code: 431, text: "This is refused, whatever the reason.")
            return [(0, .fault(refusal, seconds: 20)), (1, .detachByHand(object))]
        case 14:
            return [
                (0, .moveToName(object, "machine-1")), (60, .moveToName(object, "nobody")), (120, .move(object, to: 0)),
            ]
        case 15: return [(0, .writeProtect(object)), (10, .readOnly(object, true)), (60, .readOnly(object, false))]
        case 16: return [(0, .mislead(object)), (30, .connect(client: client))]
        case 17:
            return [(0, .detachByHand(object)), (0, .setState(object, "Destroy")), (90, .setState(object, "Ready"))]
        case 18:
            return [(0, .stopMachine(1)), (0, .move(object, to: 1)), (5, .startMachine(1)), (60, .move(object, to: 0))]
        default:
            return [
                (0, .delete(object)), (1, .fault(Fault(kind: .emptyList), seconds: 60)), (5, .kill(seconds: 1)),
                (90, .want(object)),
            ]
        }
    }
}
