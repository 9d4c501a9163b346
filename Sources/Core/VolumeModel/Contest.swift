/// A volume that Hawser attaches where it is wanted, and that somebody else keeps taking away from there.
///
/// Kept from the first attach on, and begun afresh when people want something else or what was repaired has lasted.
public struct Contest: Sendable, Equatable {
    /// Where Hawser attaches it.
    public var machine: MachineID
    /// Since when it stands there, or stood there last.
    public var stoodSince: Instant
    /// When it was read to be there no more; `nil` while it stands.
    public var undoneAt: Instant?
    /// How often in a row it was undone before it had lasted.
    public var times = 0
    /// CloudStack's events of the volume, newest first; absent when CloudStack does not tell them.
    public var events = Sighting<[VolumeEvent]>.never

    public init(machine: MachineID, stoodSince: Instant, undoneAt: Instant? = nil, times: Int = 0) {
        self.machine = machine
        self.stoodSince = stoodSince
        self.undoneAt = undoneAt
        self.times = times
    }

    /// What of it outlives the process: nothing before it was undone for the first time.
    public var kept: Contest? {
        times == 0 ? nil : Contest(machine: machine, stoodSince: stoodSince, undoneAt: undoneAt, times: times)
    }

    /// What was kept, at a start: nothing of it was after now, whatever became of the machine's clock meanwhile.
    public func recalled(at now: Instant) -> Contest {
        Contest(
            machine: machine, stoodSince: min(stoodSince, now), undoneAt: undoneAt.map { min($0, now) }, times: times)
    }
}

/// Who contends with Hawser for a volume, as far as CloudStack tells.
public struct Contention: Sendable, Equatable, Hashable {
    /// Somebody who undid it.
    public struct Party: Sendable, Equatable, Hashable {
        public var user: String
        /// Whose the volume was, by the event.
        public var account: String?
        public var times: Int
        /// When last, in CloudStack's words.
        public var last: String

        public init(user: String, account: String?, times: Int, last: String) {
            self.user = user
            self.account = account
            self.times = times
            self.last = last
        }
    }

    /// What Hawser does again and again, in words.
    public var repair: String
    /// The object that wants it.
    public var object: ObjectName
    /// By which name CloudStack knows Hawser; `nil` when it does not tell.
    public var ourUser: String?
    /// How often it was undone in a row.
    public var times: Int
    /// Who undid it, the latest first; empty when CloudStack names nobody.
    public var parties: [Party]

    public init(repair: String, object: ObjectName, ourUser: String? = nil, times: Int, parties: [Party] = []) {
        self.repair = repair
        self.object = object
        self.ourUser = ourUser
        self.times = times
        self.parties = parties
    }

    /// Both sides by their names.
    public var text: String {
        let others = parties.map { party in
            let owner = party.account.map { $0 == party.user ? "" : " (account '\($0)')" } ?? ""
            return "user '\(party.user)'\(owner), \(Self.often(party.times)), last at \(party.last)"
        }
        let who = others.isEmpty ? "somebody outside Hawser" : others.joined(separator: "; ")
        let us = ourUser.map { ", as user '\($0)'," } ?? ""
        return "contested by \(who): '\(repair)', which Hawser\(us) does for object '\(object)', was undone "
            + "\(Self.often(times)) in a row"
    }

    private static func often(_ times: Int) -> String { times == 1 ? "once" : "\(times) times" }
}
