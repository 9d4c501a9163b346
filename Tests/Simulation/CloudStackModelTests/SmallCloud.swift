@testable import CloudStackModel

/// What most of these tests begin with: one zone, one offering, an administrator and a user, and the user's machine and volume.
enum SmallCloud {
    static let zone = "5a1e0000-0000-4000-8000-000000000001"
    static let machine = "aaaa0000-0000-4000-8000-000000000001"
    static let volume = "cccc0000-0000-4000-8000-000000000001"
    static let custom = "0ff00000-0000-4000-8000-000000000001"
    static let root = Account(name: "admin", id: "a", userID: "u", apiKey: "k", secretKey: "s", isRoot: true)
    static let user = Account(name: "user", id: "b", userID: "v", apiKey: "l", secretKey: "t", isRoot: false)

    /// Without machines and volumes.
    static func empty(user: Account = user) -> CloudWorld {
        var world = CloudWorld(seed: 7)
        world.accounts = [root, user]
        world.zones = [Zone(number: 1, id: zone, name: "zone-1")]
        world.diskOfferings = [
            DiskOffering(number: 1, id: custom, name: "Custom", isCustomized: true, sizeInGiB: 0)
        ]
        return world
    }

    static func world(user: Account = user, volumeSizeInBytes size: Int64) -> CloudWorld {
        var world = empty(user: user)
        world.machines = [
            Machine(
                number: 1, id: machine, name: "vm", zone: zone, account: "user", state: "Running", created: 0,
                isAppliance: false)
        ]
        world.addVolume(
            id: volume, name: "data", zone: zone, account: "user", sizeInBytes: size, offering: custom, now: 0)
        return world
    }
}
