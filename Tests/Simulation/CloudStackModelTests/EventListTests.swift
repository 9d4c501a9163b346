import Testing

@testable import CloudStackModel

/// The event list, to the field.
@Suite struct EventListTests {
    private static let zone = SmallCloud.zone
    private static let machine = SmallCloud.machine
    private static let volume = SmallCloud.volume
    private static let custom = SmallCloud.custom
    private static let root = SmallCloud.root
    private static let user = SmallCloud.user

    private func world() -> CloudWorld { SmallCloud.world(volumeSizeInBytes: 1 << 30) }

    private func events(
        _ world: inout CloudWorld, _ parameters: [String: String] = [:], by caller: Account = root
    ) -> [AnswerValue] {
        let all = ["listall": "true"].merging(parameters) { _, later in later }
        guard case .success(_, let value) = world.call("listEvents", all, by: caller, now: 100_000),
            case .list(let rows)? = value["event"]
        else { return [] }
        return rows
    }

    private let ofVolume = ["resourceid": volume, "resourcetype": "Volume"]

    @Test func `a job writes three events, newest first, that name who did it and whose it is`() throws {
        var world = world()
        let attach = ["id": Self.volume, "virtualmachineid": Self.machine]
        _ = world.call("attachVolume", attach, by: Self.root, now: 1_000)
        let rows = events(&world, ofVolume)
        #expect(rows.map { $0["state"]?.asText } == ["Completed", "Started", "Scheduled"])
        #expect(rows.allSatisfy { $0["type"]?.asText == "VOLUME.ATTACH" })
        #expect(rows.allSatisfy { $0["username"]?.asText == "admin" && $0["account"]?.asText == "user" })
        #expect(rows.allSatisfy { $0["resourceid"]?.asText == Self.volume && $0["resourcetype"]?.asText == "Volume" })
        #expect(rows.allSatisfy { $0["resourcename"]?.asText == "data" && $0["level"]?.asText == "INFO" })
        let scheduled = try #require(rows.last)
        #expect(scheduled["parentid"] == nil)
        #expect(rows.dropLast().allSatisfy { $0["parentid"] == scheduled["id"] })
        #expect(scheduled["description"]?.asText == "attaching volume: \(Self.volume)")
        #expect(
            rows.first?["description"]?.asText == "Successfully completed attaching volume. Volume Id: \(Self.volume)")
        #expect(rows.first?["created"]?.asText?.hasSuffix("+0000") == true)
        #expect(rows.first?["archived"] == .flag(false))
        guard case .object(let fields)? = rows.first else { return }
        #expect(
            fields.map(\.name) == [
                "id", "username", "type", "level", "description", "account", "domainid", "domain", "domainpath",
                "resourceid", "resourcetype", "resourcename", "created", "state", "parentid", "archived",
            ])
    }

    @Test func `a job that fails ends with an error`() {
        var world = world()
        _ = world.call("detachVolume", ["id": Self.volume], by: Self.user, now: 1_000)
        let row = events(&world, ofVolume).first
        #expect(row?["level"]?.asText == "ERROR" && row?["state"]?.asText == "Completed")
        #expect(row?["description"]?.asText?.hasPrefix("Error while detaching volume") == true)
        #expect(row?["username"]?.asText == "user")
    }

    @Test func `create, grow, delete and what is done by hand are told with who did it`() {
        var world = world()
        let made = world.call(
            "createVolume", ["zoneid": Self.zone, "diskofferingid": Self.custom, "size": "1", "name": "new"],
            by: Self.user, now: 1_000)
        guard case .success(_, let value) = made, let id = value["id"]?.asText else {
            Issue.record("\(made)")
            return
        }
        let ofNew = ["resourceid": id, "resourcetype": "Volume"]
        #expect(
            events(&world, ofNew).map { $0["state"]?.asText } == ["Completed", "Started", "Scheduled", "Created"])
        _ = world.call("resizeVolume", ["id": id, "size": "2"], by: Self.user, now: 200_000)
        world.advance(to: 300_000)
        _ = world.call("deleteVolume", ["id": id], by: Self.user, now: 300_000)
        #expect(
            events(&world, ofNew).compactMap { $0["type"]?.asText }.prefix(2) == ["VOLUME.DELETE", "VOLUME.RESIZE"])
        world.attachByHand(Self.volume, to: Self.machine, now: 400_000)
        world.detachByHand(Self.volume, by: "rival", now: 400_000)
        let byHand = events(&world, ofVolume).filter { $0["state"]?.asText == "Completed" }
        #expect(byHand.map { $0["username"]?.asText } == ["rival", CloudWorld.operatorName])
        #expect(events(&world, ofVolume.merging(["type": "VOLUME.DETACH"]) { one, _ in one }).count == 3)
    }

    @Test(arguments: [
        (["resourceid": volume], 431, "resourceid parameter must be used with resourcetype parameter"),
        (["resourceid": volume, "resourcetype": "Nonsense"], 431, "Invalid resourcetype"),
        (["resourceid": zone, "resourcetype": "Volume"], 431, "Invalid resourceid"),
    ]) func `a resource is named with its type, or refused`(parameters: [String: String], code: Int, text: String) {
        var world = world()
        guard case .failure(let error) = world.call("listEvents", parameters, by: Self.root, now: 0) else {
            Issue.record("no failure")
            return
        }
        #expect(error.code == code && error.text == text)
    }

    @Test func `a user sees the events of what is its own`() {
        var world = world()
        world.addVolume(
            id: Self.zone, name: "of-admin", zone: Self.zone, account: "admin", sizeInBytes: 1, offering: nil, now: 0)
        for id in [Self.volume, Self.zone] { _ = world.call("updateVolume", ["id": id], by: Self.root, now: 0) }
        world.advance(to: 10_000)
        #expect(events(&world, by: Self.user).allSatisfy { $0["resourceid"]?.asText == Self.volume })
        #expect(events(&world, by: Self.user).count == 3 && events(&world).count == 6)
    }
}
