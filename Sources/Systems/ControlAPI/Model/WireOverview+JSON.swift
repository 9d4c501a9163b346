public import JSON

/// The overview is the one answer that grows with the number of objects and is read at each look at the status. An encoder
/// and a decoder for whatever type take some ten times as long for it as writing and reading it field by field; what stands
/// on the wire is the same.
extension WireOverview {
    /// - Parameter items: what stands in the place of ``items``, made one by one, so that they need not all be there at once.
    public func json(items: some Collection<WireAttachment>) -> [UInt8] {
        var writer = JSONWriter(capacity: 400 * (items.count + 1))
        writer.object { writer in
            writer.field("at", at.description)
            writer.field("here", here)
            writer.list("items", items) { $1.write(to: &$0) }
            writer.field("mode", mode)
            writer.list("nodeCauses", nodeCauses) { writer, cause in
                writer.field("message", cause.message)
                writer.field("mover", cause.mover)
                writer.field("reason", cause.reason)
            }
            writer.field("revision", revision)
            writer.list("unmanaged", unmanaged) { writer, unmanaged in
                writer.field("detail", unmanaged.detail)
                writer.field("name", unmanaged.name)
                writer.field("world", unmanaged.world)
            }
        }
        return writer.bytes
    }

    public init(json: [UInt8]) throws(JSONError) {
        let root = try JSONDocument(json).root
        at = try root.timestamp("at")
        here = try root.text("here")
        mode = try root.text("mode")
        revision = try root.integer("revision")
        items = try root.list("items").map { (item) throws(JSONError) in try WireAttachment(json: item) }
        nodeCauses = try root.list("nodeCauses").map { (item) throws(JSONError) in try WireCause(json: item) }
        unmanaged = try root.list("unmanaged").map { (item) throws(JSONError) in try WireUnmanaged(json: item) }
    }
}

extension WireAttachment {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.field("clients", clients)
        writer.field("cloudStack", cloudStack)
        writer.field("device", device)
        writer.list("drifts", drifts) { writer, drift in
            writer.field("kind", drift.kind)
            writer.field("observed", drift.observed)
            writer.field("wanted", drift.wanted)
            writer.field("world", drift.world)
        }
        writer.field("export", export)
        writer.field("generation", generation)
        writer.field("id", id)
        writer.field("isDeparting", isDeparting)
        writer.field("isHere", isHere)
        writer.field("machine", machine)
        writer.field("message", message)
        writer.field("mover", mover)
        writer.field("name", name)
        writer.field("next", next)
        writer.field("nextAt", nextAt?.description)
        writer.field("readiness", readiness)
        writer.field("reason", reason)
        writer.field("restraint", restraint)
        writer.field("since", since.description)
        writer.field("suspension", suspension) { writer, suspension in
            writer.field("reason", suspension.reason)
            writer.field("until", suspension.until?.description)
        }
        writer.field("volume", volume)
    }

    fileprivate init(json item: JSONItem) throws(JSONError) {
        clients = item["clients"]?.integer.map { Int($0) }
        cloudStack = try item.text("cloudStack")
        device = try item.text("device")
        drifts = try item.list("drifts").map { (drift) throws(JSONError) in try WireDrift(json: drift) }
        export = try item.text("export")
        generation = try item.integer("generation")
        id = try item.text("id")
        isDeparting = try item.flag("isDeparting")
        isHere = try item.flag("isHere")
        machine = item["machine"]?.text
        message = item["message"]?.text
        mover = item["mover"]?.text
        name = try item.text("name")
        next = item["next"]?.text
        nextAt = item["nextAt"] == nil ? nil : try item.timestamp("nextAt")
        readiness = try item.text("readiness")
        reason = item["reason"]?.text
        restraint = item["restraint"]?.text
        since = try item.timestamp("since")
        if let suspension = item["suspension"] { self.suspension = try WireSuspension(json: suspension) }
        volume = item["volume"]?.text
    }
}

extension WireSuspension {
    fileprivate init(json item: JSONItem) throws(JSONError) {
        reason = try item.text("reason")
        until = item["until"] == nil ? nil : try item.timestamp("until")
    }
}

extension WireDrift {
    fileprivate init(json item: JSONItem) throws(JSONError) {
        world = try item.text("world")
        kind = try item.text("kind")
        wanted = try item.text("wanted")
        observed = try item.text("observed")
    }
}

extension WireCause {
    fileprivate init(json item: JSONItem) throws(JSONError) {
        reason = try item.text("reason")
        message = try item.text("message")
        mover = try item.text("mover")
    }
}

extension WireUnmanaged {
    fileprivate init(json item: JSONItem) throws(JSONError) {
        world = try item.text("world")
        name = try item.text("name")
        detail = try item.text("detail")
    }
}

/// Fields that have to be there.
extension JSONItem {
    fileprivate func text(_ name: StaticString) throws(JSONError) -> String {
        guard let text = self[name]?.text else { throw JSONError(message: "there is no text '\(name)'") }
        return text
    }

    fileprivate func integer(_ name: StaticString) throws(JSONError) -> Int64 {
        guard let number = self[name]?.integer else { throw JSONError(message: "there is no number '\(name)'") }
        return number
    }

    fileprivate func flag(_ name: StaticString) throws(JSONError) -> Bool {
        guard let flag = self[name]?.flag else { throw JSONError(message: "there is no flag '\(name)'") }
        return flag
    }

    fileprivate func timestamp(_ name: StaticString) throws(JSONError) -> Timestamp {
        let text = try text(name)
        guard let moment = Timestamp(text) else { throw JSONError(message: "'\(text)' is no RFC 3339 time in UTC") }
        return moment
    }

    fileprivate func list(_ name: StaticString) throws(JSONError) -> [JSONItem] {
        guard let items = self[name]?.elements else { throw JSONError(message: "there is no list '\(name)'") }
        return items
    }
}
