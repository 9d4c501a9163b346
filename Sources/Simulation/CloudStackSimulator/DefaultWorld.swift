public import CloudStackModel

/// A world to begin with: one zone, two offerings, an appliance that runs and two other machines, each with a root disk.
public enum DefaultWorld {
    public static let zone = "5a1e0000-0000-4000-8000-000000000001"
    public static let customOffering = "0ff00000-0000-4000-8000-000000000001"
    public static let fixedOffering = "0ff00000-0000-4000-8000-000000000002"
    public static let appliance = "aaaa0000-0000-4000-8000-000000000001"
    public static let otherMachine = "aaaa0000-0000-4000-8000-000000000002"
    public static let stoppedMachine = "aaaa0000-0000-4000-8000-000000000003"
    public static let account = "admin"

    public static func make(now: Int64, seed: UInt64 = 1) -> CloudWorld {
        var world = CloudWorld(seed: seed)
        world.accounts = [
            Account(
                name: account, id: "acc00000-0000-4000-8000-000000000001",
                userID: "acc00000-0000-4000-8000-000000000002",
                apiKey: "simulator-admin-key", secretKey: "simulator-admin-secret", isRoot: true),
            Account(
                name: "user", id: "acc00000-0000-4000-8000-000000000003",
                userID: "acc00000-0000-4000-8000-000000000004",
                apiKey: "simulator-user-key", secretKey: "simulator-user-secret", isRoot: false,
                // `max.account.volumes` and `max.account.primary.storage`, as they are out of the box.
                volumeLimit: 20, primaryStorageLimitInGiB: 200),
        ]
        world.zones = [Zone(number: 1, id: zone, name: "zone-1")]
        world.diskOfferings = [
            DiskOffering(number: 1, id: customOffering, name: "Custom", isCustomized: true, sizeInGiB: 0),
            DiskOffering(number: 2, id: fixedOffering, name: "Small", isCustomized: false, sizeInGiB: 5),
        ]
        let machines = [
            (appliance, "appliance", "Running"), (otherMachine, "app-server", "Running"),
            (stoppedMachine, "spare", "Stopped"),
        ]
        for (index, (id, name, state)) in machines.enumerated() {
            addMachine(&world, id: id, name: name, state: state, isAppliance: index == 0, now: now)
        }
        return world
    }

    /// Adds a machine with its root disk.
    public static func addMachine(
        _ world: inout CloudWorld, id: String, name: String, state: String, isAppliance: Bool, now: Int64
    ) {
        let zone = world.zones.first?.id ?? zone
        world.machines.append(
            Machine(
                number: Int64(world.machines.count + 1), id: id, name: name, zone: zone,
                account: world.accounts.first?.name ?? account, state: state, created: now, isAppliance: isAppliance))
        world.addVolume(
            name: "ROOT-\(world.machines.count)", zone: zone, account: world.accounts.first?.name ?? account,
            type: "ROOT",
            sizeInBytes: 8 << 30, offering: nil, machine: id, deviceID: 0, now: now)
    }
}
