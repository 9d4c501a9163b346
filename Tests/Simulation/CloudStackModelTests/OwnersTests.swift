import Testing

@testable import CloudStackModel

/// Whose things a caller sees, and for whom it may create some.
@Suite struct OwnersTests {
    private static let zone = SmallCloud.zone
    private static let custom = SmallCloud.custom
    private static let root = SmallCloud.root
    private static let user = SmallCloud.user

    private func world() -> CloudWorld {
        var world = SmallCloud.empty()
        for account in ["admin", "user"] {
            world.addVolume(
                name: "of-\(account)", zone: Self.zone, account: account, sizeInBytes: 1, offering: nil, now: 0)
        }
        return world
    }

    @Test(arguments: [
        ([:], ["of-admin"], ["of-user"]),
        (["listall": "true"], ["of-admin", "of-user"], ["of-user"]),
        (["domainid": CloudWorld.domainID], ["of-admin", "of-user"], ["of-user"]),
        (["account": "user", "domainid": CloudWorld.domainID], ["of-user"], ["of-user"]),
        (["projectid": "-1"], [], []),
        (["projectid": "-1", "listall": "true"], ["of-admin", "of-user"], ["of-user"]),
    ]) func `a listing shows what its parameters widen or narrow it to`(
        parameters: [String: String], toRoot: [String], toUser: [String]
    ) {
        var world = world()
        for (caller, expected) in [(Self.root, toRoot), (Self.user, toUser)] {
            guard case .success(_, let value) = world.call("listVolumes", parameters, by: caller, now: 0) else {
                Issue.record("refused")
                continue
            }
            var names: [String] = []
            if case .list(let rows)? = value["volume"] { names = rows.compactMap { $0["name"]?.asText } }
            #expect(names.sorted() == expected, "\(caller.name)")
        }
    }

    @Test(arguments: [
        (["account": "nobody"], 431, "could not find account nobody in domain ROOT"),
        (["account": "admin"], 531, "Caller does not have permission to operate with provided resource."),
        (["account": "user", "projectid": "-1"], 431, "Account and projectId can't be specified together"),
    ]) func `an account that is not there, or not the caller's, is refused`(
        parameters: [String: String], code: Int, text: String
    ) {
        var world = world()
        guard case .failure(let error) = world.call("listVolumes", parameters, by: Self.user, now: 0) else {
            Issue.record("no failure")
            return
        }
        #expect(error.code == code)
        #expect(error.text == text)
    }

    @Test func `an administrator creates for another account, and that account not for the administrator`() {
        var world = world()
        func create(for account: String, by caller: Account) -> Answer {
            world.call(
                "createVolume",
                [
                    "name": "new", "zoneid": Self.zone, "diskofferingid": Self.custom, "size": "1", "account": account,
                    "domainid": CloudWorld.domainID,
                ], by: caller, now: 0)
        }
        guard case .success = create(for: "user", by: Self.root), case .failure = create(for: "admin", by: Self.user)
        else {
            Issue.record("the other way round")
            return
        }
        #expect(world.volumes.values.filter { $0.name == "new" }.map(\.account) == ["user"])
    }
}
