/// The event list: who did what to what (`ActionEventInterceptor`, `ActionEventUtils`, `ListEventsCmd` of 4.20).
extension CloudWorld {
    /// What is done, as commands write it into their events (`getEventType`, `@ActionEvent`).
    private struct Action {
        var type: String
        var doing: String

        init(_ type: String, _ doing: String) {
            self.type = type
            self.doing = doing
        }
    }

    private static let actions: [String: Action] = [
        "createVolume": Action("VOLUME.CREATE", "creating volume"),
        "attachVolume": Action("VOLUME.ATTACH", "attaching volume"),
        "detachVolume": Action("VOLUME.DETACH", "detaching volume"),
        "resizeVolume": Action("VOLUME.RESIZE", "resizing volume"),
        "deleteVolume": Action("VOLUME.DELETE", "deleting volume"),
        "destroyVolume": Action("VOLUME.DESTROY", "destroying a volume"),
        "updateVolume": Action("VOLUME.UPDATE", "updating volume"),
        "startVirtualMachine": Action("VM.START", "starting Vm"),
        "stopVirtualMachine": Action("VM.STOP", "stopping Vm"),
        "destroyVirtualMachine": Action("VM.DESTROY", "destroying Vm"),
        "deployVirtualMachine": Action("VM.CREATE", "starting Vm"),
        "createTags": Action("CREATE_TAGS", "creating resource tags"),
        "deleteTags": Action("DELETE_TAGS", "deleting resource tags"),
    ]

    /// How far an action has come.
    enum EventStage {
        /// The row of what is created was made, before there is a job.
        case created
        case scheduled
        case started
        case completed
        case failed
    }

    /// - Parameters:
    ///   - user: who does it.
    ///   - parent: the event with which the action began; `nil` when this is it.
    /// - Returns: the event's id.
    @discardableResult
    mutating func note(
        _ stage: EventStage, _ command: String, of resource: String?, by user: String, parent: String? = nil, now: Int64
    ) -> String {
        let action = Self.actions[command] ?? Action("UNKNOWN", command)
        let volume = resource.flatMap { volumes[$0] }
        let machine = resource.flatMap { self.machine($0) }
        let detail = resource.map { volume == nil ? "Vm Id: \($0)" : "Volume Id: \($0)" }
        let doing = action.doing + (detail.map { ". \($0)" } ?? "")
        let words: (state: String, level: String, text: String) =
            switch stage {
            case .created: ("Created", "INFO", "Successfully created entity for \(doing)")
            case .scheduled: ("Scheduled", "INFO", action.doing + (resource.map { ": \($0)" } ?? ""))
            case .started: ("Started", "INFO", doing)
            case .completed: ("Completed", "INFO", "Successfully completed \(doing)")
            case .failed: ("Completed", "ERROR", "Error while \(doing)")
            }
        let id = newID()
        add(
            CloudEvent(
                id: id, type: action.type, level: words.level, state: words.state, description: words.text,
                created: now,
                resource: resource, user: user, account: volume?.account ?? machine?.account ?? user, parent: parent,
                resourceType: volume != nil ? "Volume" : machine != nil ? "VirtualMachine" : nil,
                resourceName: volume?.name ?? machine?.name))
        return id
    }

    /// All that an action without a job of the model's writes.
    mutating func noteWhole(_ command: String, of resource: String, by user: String, now: Int64) {
        let parent = note(.scheduled, command, of: resource, by: user, now: now)
        note(.started, command, of: resource, by: user, parent: parent, now: now)
        note(.completed, command, of: resource, by: user, parent: parent, now: now)
    }

    func listEvents(_ parameters: Parameters, _ caller: Account) throws(APIError) -> AnswerValue {
        if let type = parameters.text("resourcetype"), !Self.resourceTypes.contains(type.lowercased()) {
            throw .parameter("Invalid resourcetype")
        }
        if let id = parameters.text("resourceid") {
            guard parameters.text("resourcetype") != nil else {
                throw .parameter("resourceid parameter must be used with resourcetype parameter")
            }
            guard volumes[id] != nil || machine(id) != nil else { throw .parameter("Invalid resourceid") }
            let owner = volumes[id]?.account ?? machine(id)?.account ?? ""
            guard isVisible(owner, to: caller) else { throw .notPermitted }
        }
        if let id = parameters.text("id"), !events.contains(where: { $0.id == id }) {
            throw parameters.unknown("id", id)
        }
        let owners = try owners(parameters, caller, isByID: parameters.text("id") != nil)
        // Newest first; of one second the later one first.
        let found = events.reversed().filter { event in
            guard owners?.contains(event.account ?? "") ?? true else { return false }
            return (parameters.text("id").map { $0 == event.id } ?? true)
                && (parameters.text("type").map { $0 == event.type } ?? true)
                && (parameters.text("level").map { $0 == event.level } ?? true)
                && (parameters.text("startid").map { $0 == event.parent || $0 == event.id } ?? true)
                && (parameters.text("resourceid").map { $0 == event.resource } ?? true)
                && (parameters.text("resourcetype").map { $0.lowercased() == event.resourceType?.lowercased() } ?? true)
        }
        return try page(found, named: "event", parameters, describe: describe)
    }

    /// Of `ApiCommandResourceType`, those that there are here.
    private static let resourceTypes: Set<String> = ["volume", "virtualmachine", "zone", "diskoffering", "account"]

    private func describe(_ event: CloudEvent) -> AnswerValue {
        var fields = Fields()
        fields.add("id", event.id)
        fields.add("username", event.user)
        fields.add("type", event.type)
        fields.add("level", event.level)
        fields.add("description", event.description)
        fields.add("account", event.account)
        fields.add("domainid", Self.domainID)
        fields.add("domain", "ROOT")
        fields.add("domainpath", "ROOT")
        fields.add("resourceid", event.resource)
        fields.add("resourcetype", event.resourceType)
        fields.add("resourcename", event.resourceName)
        fields.add("created", APIDate.text(milliseconds: event.created))
        fields.add("state", event.state)
        fields.add("parentid", event.parent)
        fields.add("archived", false)
        return fields.object
    }
}
