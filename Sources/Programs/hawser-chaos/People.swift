import ControlAPIClient
import ControlAPIModel
import Rig
import VolumeModel

/// Those who say what they want, and go on saying something else: by the control API, one volume at a time.
actor People {
    enum Wish: Sendable, CaseIterable {
        case here
        case elsewhere
        case nowhere
    }

    private let world: DemoWorld
    private var generator: SplitMix64
    /// What hawserd has acknowledged; nil when no answer came.
    private var wishes: [Wish?] = Array(repeating: .nowhere, count: ChaosVolume.count)
    private(set) var edits = 0
    private(set) var unanswered = 0
    /// What was acknowledged, and was not so afterwards (DURABLE).
    private(set) var forgotten: [String] = []

    init(world: DemoWorld, seed: UInt64) {
        self.world = world
        generator = SplitMix64(seed: seed)
    }

    /// Until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            let volume = ChaosVolume(number: Int.random(in: 0..<ChaosVolume.count, using: &generator))
            // What is wanted here is what there is most to break about.
            let wish = [.here, .here, .here, .elsewhere, .nowhere].randomElement(using: &generator) ?? Wish.here
            await ask(for: wish, of: volume)
            await recall()
            // A cancelled sleep ends the loop.
            try? await Task.sleep(for: .milliseconds(Int.random(in: 100...1_500, using: &generator)))
        }
    }

    /// In the end all are wanted here.
    func wantAll() async throws {
        for volume in ChaosVolume.all {
            try await wait(for: "\(volume.name) to be wanted here") {
                await ask(for: .here, of: volume)
                return wishes[volume.number] == .here
            }
        }
    }

    private func ask(for wish: Wish, of volume: ChaosVolume) async {
        do throws(ControlError) {
            switch wish {
            case .here, .elsewhere: _ = try await world.control.apply([object(volume, wish)], approvedRemovals: 1)
            case .nowhere: _ = try await world.control.delete([volume.name])
            }
            edits += 1
            wishes[volume.number] = wish
        } catch {
            // A refusal, such as of what is on its way out, changes nothing; without an answer nobody knows.
            if case .refused = error { return }
            unanswered += 1
            wishes[volume.number] = nil
        }
    }

    private func object(_ volume: ChaosVolume, _ wish: Wish) -> WireObject {
        guard let name = ObjectName(volume.name), let id = VolumeID(volume.id), let export = ExportName(volume.name)
        else { preconditionFailure("\(volume)") }
        return WireObject(
            name: name, labels: [:], volume: .id(id),
            machine: wish == .here ? .thisMachine : .named("app-server"),
            export: DesiredExport(name: export, isReadOnly: false), detach: DetachPolicy(), file: "chaos")
    }

    /// Whether everything that was acknowledged still holds. Nobody else asks for anything.
    func recall() async {
        var differences: [String] = []
        do {
            _ = try await wait(for: "what was acknowledged to be wanted", within: .seconds(5)) {
                differences = differ(try await world.control.overview().items)
                return differences.isEmpty
            }
        } catch is WaitedInVain {
            forgotten += differences
        } catch {
            // Without an answer there is nothing to compare.
        }
    }

    private func differ(_ items: [WireAttachment]) -> [String] {
        var differences: [String] = []
        for volume in ChaosVolume.all {
            guard let wish = wishes[volume.number] else { continue }
            let item = items.first { $0.name == volume.name && !$0.isDeparting }
            let found: Wish = item.map { $0.isHere ? .here : .elsewhere } ?? .nowhere
            if found != wish { differences.append("\(volume.name): \(wish) was acknowledged, and \(found) is wanted") }
        }
        return differences
    }
}
