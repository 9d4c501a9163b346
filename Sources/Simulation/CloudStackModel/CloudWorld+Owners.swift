/// Whose things are meant: accounts, domains and projects in parameters, and the lists of them.
extension CloudWorld {
    /// The accounts whose things a listing shows; `nil` for all (`QueryManagerImpl`, `buildACLSearchParameters`).
    ///
    /// There is one domain and no project. Who names an account of its domain sees that account's things; a root
    /// administrator sees its own, and everybody's with `listall`, with a domain, or by id.
    func owners(_ parameters: Parameters, _ caller: Account, isByID: Bool) throws(APIError) -> Set<String>? {
        if let domain = parameters.text("domainid"), domain != Self.domainID {
            throw parameters.unknown("domainid", domain)
        }
        let isEverything = caller.isRoot && parameters.flag("listall") == true
        if let name = parameters.text("account") {
            guard parameters.text("projectid") == nil else {
                throw .parameter("Account and projectId can't be specified together")
            }
            return [try account(named: name, for: caller).name]
        }
        if let project = parameters.text("projectid") {
            guard project == "-1" else { throw parameters.unknown("projectid", project) }
            return isEverything ? nil : parameters.flag("listall") == true ? [caller.name] : []
        }
        if caller.isRoot, isByID || isEverything || parameters.text("domainid") != nil { return nil }
        return [caller.name]
    }

    /// Who will own what is created: the caller, or the account that it names and may act for.
    func owner(_ parameters: Parameters, _ caller: Account) throws(APIError) -> Account {
        if let domain = parameters.text("domainid"), domain != Self.domainID {
            throw parameters.unknown("domainid", domain)
        }
        if let project = parameters.text("projectid") { throw parameters.unknown("projectid", project) }
        guard let name = parameters.text("account") else { return caller }
        return try account(named: name, for: caller)
    }

    private func account(named name: String, for caller: Account) throws(APIError) -> Account {
        guard let account = accounts.first(where: { $0.name == name }) else {
            throw .parameter("could not find account \(name) in domain ROOT")
        }
        guard isVisible(account.name, to: caller) else { throw .notPermitted }
        return account
    }

    static let domainID = "0d0a0000-0000-4000-8000-000000000001"

    func listDomains(_ parameters: Parameters) throws(APIError) -> AnswerValue {
        if let id = parameters.text("id"), id != Self.domainID { throw parameters.unknown("id", id) }
        var fields = Fields()
        fields.add("id", Self.domainID)
        fields.add("name", "ROOT")
        fields.add("level", Int64(0))
        fields.add("haschild", false)
        fields.add("path", "ROOT")
        fields.add("state", "Active")
        let isMeant = parameters.text("name").map { $0.lowercased() == "root" } ?? true
        return try page(isMeant ? [fields.object] : [], named: "domain", parameters) { $0 }
    }

    func listAccounts(_ parameters: Parameters, _ caller: Account) throws(APIError) -> AnswerValue {
        if let id = parameters.text("id"), !accounts.contains(where: { $0.id == id }) {
            throw parameters.unknown("id", id)
        }
        let seesAll = caller.isRoot && parameters.flag("listall") == true
        let found = accounts.filter { account in
            let isNamed = parameters.text("id") != nil || parameters.text("name") != nil
            guard isVisible(account.name, to: caller), account.name == caller.name || seesAll || isNamed else {
                return false
            }
            return (parameters.text("id").map { $0 == account.id } ?? true)
                && (parameters.text("name").map { $0.lowercased() == account.name.lowercased() } ?? true)
        }
        return try page(found, named: "account", parameters, describe: describe)
    }

    private func describe(_ account: Account) -> AnswerValue {
        var user = Fields()
        user.add("id", account.userID)
        user.add("username", account.name)
        user.add("account", account.name)
        user.add("domainid", Self.domainID)
        user.add("state", account.isEnabled ? "enabled" : "disabled")
        var fields = Fields()
        fields.add("id", account.id)
        fields.add("name", account.name)
        fields.add("accounttype", Int64(account.isRoot ? 1 : 0))
        fields.add("rolename", account.isRoot ? "Root Admin" : "User")
        fields.add("domainid", Self.domainID)
        fields.add("domain", "ROOT")
        fields.add("domainpath", "ROOT")
        fields.add("volumetotal", Int64(volumes.values.count { $0.account == account.name && !$0.isRemoved }))
        fields.add("vmtotal", Int64(machines.count { $0.account == account.name }))
        fields.add("state", account.isEnabled ? "enabled" : "disabled")
        fields.add("user", .list([user.object]))
        return fields.object
    }
}
