import Glibc
import LinuxCalls
import Rig
import SQL
import SQLite
import Testing

/// The command line against a running daemon: the built programs as processes.
@Suite(.serialized, .enabled(if: access("/usr/bin/nbdkit", X_OK) == 0, "needs nbdkit"))
struct CommandLineTests {
    private static let orders = "a7f226a7-95a0-43b6-942e-acc909ef0c08"

    @Test func `get selects, sorts and shapes every kind as kubectl does`() async throws {
        try await AppliedDemo.run { demo in
            func printed(_ arguments: String...) async throws -> String {
                let outcome = try await ChildProcess.run(try demo.command(["get"] + arguments))
                #expect(outcome.status.isSuccess && outcome.errors.isEmpty, "\(arguments): \(outcome.errors)")
                return outcome.output
            }
            #expect(
                try await printed("-o", "jsonpath={.items[*].metadata.name}") == "archive failover orders scratch\n")
            #expect(
                try await printed("-l", "app=replication", "-o", "name") == """
                    volumeattachment/archive
                    volumeattachment/orders

                    """)
            #expect(
                try await printed("attachments", "-l", "!app", "-o=custom-columns=N:.metadata.name", "--no-headers")
                    == "failover\nscratch\n")
            #expect(
                try await printed("attachment", "orders", "-o", "jsonpath={.spec.volume.id}{\"\\n\"}") == Self.orders
                    + "\n")
            #expect(try await printed("volumes", "-l", "app", "-o", "name").split(separator: "\n").count == 2)
            let sizes = try await printed("volumes", "--sort-by=.sizeInBytes", "-o", "jsonpath={.items[*].sizeInBytes}")
                .split(whereSeparator: \.isWhitespace).compactMap { Int64($0) }
            #expect(sizes == sizes.sorted() && sizes.count == 6)
            #expect(
                try await printed("volumes", "orders-data", "-o", "jsonpath={.metadata.name}") == Self.orders + "\n")
            for kind in ["devices", "exports", "operations", "events", "nodes"] {
                let names = try await printed(kind, "-o", "jsonpath={.items[*].metadata.name}")
                #expect(!names.isEmpty, "\(kind)")
                #expect(try await printed(kind, "-o", "wide").split(separator: "\n").count > 1, "\(kind)")
            }
            #expect(
                try await printed("exports", "--sort-by", "NAME", "--no-headers", "-l", "app=replication")
                    .split(separator: "\n").map { $0.prefix { $0 != " " } } == ["archive", "orders"])
            #expect(
                try await printed("nodes", "-o", "jsonpath={.items[0].isReady} {.items[0].attachments}") == "true 4\n")

            let missing = try await demo.hawser("get", "attachments", "orders", "nope", "-o", "name")
            #expect(missing.status == .exited(code: 1))
            #expect(missing.output == "volumeattachment/orders\n")
            #expect(missing.errors.contains("there is no volumeattachment 'nope'"))
            let none = try await demo.hawser("get", "-l", "app=nothing")
            #expect(none.status.isSuccess && none.output.isEmpty)
            #expect(none.errors == "hawser: there are no attachments with these labels\n")
            #expect(try await demo.hawser("wait", "-l", "app=replication").status.isSuccess)
            let idle = try await demo.hawser("wait", "-l", "app=nothing")
            #expect(
                idle.status == .exited(code: 1) && idle.errors.contains("no attachment with the labels 'app=nothing'"))
            #expect(try await demo.hawser("get", "volumse").status == .exited(code: 64))
        }
    }

    @Test func `a watch prints the rows that change, and nothing else`() async throws {
        try await AppliedDemo.run { demo in
            var command = try demo.command(["get", "exports", "--watch", "--no-headers"])
            command.output = .lines
            let watch = try ChildProcess(starting: command)
            var lines = watch.outputLines.makeAsyncIterator()
            for _ in 0..<3 { #expect(await lines.next() != nil) }
            // Nothing follows until something changes: what comes next is what is changed here.
            await demo.world.removeExport("scratch")
            let changed = try #require(await lines.next())
            #expect(changed.hasPrefix("scratch "), "\(changed)")
            await watch.stop()
        }
    }

    @Test(.enabled(if: access("/usr/bin/script", X_OK) == 0, "needs script, of bsdutils"))
    func `on a terminal a watch draws its table over the one before`() async throws {
        try await AppliedDemo.run { demo in
            // script(1) runs the command on a terminal of its own.
            let watch = try ChildProcess(
                starting: .init(
                    "script", ["-qefc", "stty rows 20 cols 100; hawser get exports --watch", "/dev/null"],
                    environment: try demo.command([]).environment, output: .lines))
            var lines = watch.outputLines.makeAsyncIterator()
            // Three exports and the titles are four lines up.
            while let line = await lines.next(), !line.contains("\u{1B}[4ANAME ") {}
            await demo.world.removeExport("scratch")
            while let line = await lines.next(), !line.contains("\u{1B}[3ANAME "),
                !line.hasPrefix("scratch   rw     not")
            {}
            #expect(watch.isRunning)
            await watch.stop()
        }
    }

    @Test func `BRAKE: of several removals in a call none is begun before just that batch is approved`() async throws {
        try await AppliedDemo.run { demo in
            let several = try await demo.hawser("delete", "orders", "volumeattachment/scratch")
            #expect(several.output == "volumeattachment/orders deleted\nvolumeattachment/scratch deleted\n")
            #expect(several.errors.contains("2 removals (orders, scratch) without approval"), "\(several.errors)")
            // It needs a person.
            let waited = try await demo.hawser("wait", "orders", "scratch", "--timeout", "60s")
            #expect(waited.status == .exited(code: 4), "\(waited.output)\(waited.errors)")
            let held = try await demo.hawser("brake")
            #expect(held.status == .exited(code: 2))
            #expect(held.output.contains("2 removals are on hold as batch "), "\(held.output)")
            let exports = try await demo.hawser("get", "exports", "--no-headers")
            #expect(exports.output.contains("orders") && exports.output.contains("scratch"), "\(exports.output)")
            let other = try await demo.hawser("brake", "approve", "0123456789")
            #expect(other.status == .exited(code: 1) && other.errors.contains("what is on hold is now batch"))

            let batch = try await demo.hawser("brake", "-o", "name").output.split(separator: "\n").first
            let approved = try await demo.hawser("brake", "approve", String(try #require(batch)))
            #expect(approved.output.contains("approved: orders, scratch"), "\(approved.errors)")
            for name in ["orders", "scratch"] {
                let gone = try await demo.hawser("wait", name, "--for=detached", "--timeout", "60s")
                #expect(gone.status.isSuccess, "\(gone.errors)")
            }
            #expect(try await demo.hawser("brake").status.isSuccess)
        }
    }

    @Test func `BRAKE: an UPDATE with a wrong WHERE takes nothing away, over kills, and is put right by applying`()
        async throws
    {
        try await AppliedDemo.run { demo in
            // Meant for one row; every name is wanted otherwise at once.
            try SQLiteConnection(path: "\(demo.directory)/hawser.db").execute(
                "UPDATE desired_volume_attachments SET export_name = NULL WHERE name <> 'orders'")
            let waited = try await demo.hawser("wait", "archive", "scratch", "--timeout", "60s")
            #expect(waited.status == .exited(code: 4), "\(waited.output)\(waited.errors)")
            await demo.world.killDaemon()
            try await demo.world.startDaemon()
            let again = try await demo.hawser("wait", "archive", "scratch", "--timeout", "60s")
            #expect(again.status == .exited(code: 4), "\(again.output)\(again.errors)")
            let held = try await demo.hawser("brake")
            #expect(held.output.contains("unexport 'archive'"), "\(held.output)")
            #expect(held.output.contains("2 removals are on hold"), "\(held.output)")
            #expect(try await demo.hawser("status").output.contains("'hawser brake' shows them"))
            let exports = try await demo.hawser("get", "exports", "--no-headers").output
            #expect(exports.contains("archive") && exports.contains("scratch"), "\(exports)")

            let restored = try await demo.hawser("apply", "-f", "\(AppliedDemo.root)/manifests/demo", "--wait=120s")
            #expect(restored.status.isSuccess, "\(restored.output)\(restored.errors)")
            let free = try await demo.hawser("brake")
            #expect(free.status.isSuccess && free.output.hasPrefix("no removal is on hold"), "\(free.output)")
        }
    }

    @Test func `BRAKE: more removals than are approved are refused, and nothing is applied or removed`() async throws {
        try await AppliedDemo.run { demo in
            let manifest = try readTextFile("\(AppliedDemo.root)/manifests/demo/1-orders.yaml")
            let changed = try demo.write("changed.yaml", manifest.replacing("replication", with: "other"))
            let pruned = try await demo.hawser("apply", "-f", changed, "--prune", "--approve-removals", "2")
            #expect(pruned.status == .exited(code: 1))
            #expect(
                pruned.errors.contains("this leads to 3 removals (archive, failover, scratch), and 2 were approved"),
                "\(pruned.errors)")
            let generations = try await demo.hawser("get", "-o", "jsonpath={.items[*].metadata.generation}")
            #expect(generations.output == "1 1 1 1\n")

            // One is let through: the selector leaves archive alone as the candidate.
            let dry = try await demo.hawser("apply", "-f", changed, "--prune", "-l", "app", "--dry-run")
            #expect(dry.output.contains("volumeattachment/archive pruned (dry run)"), "\(dry.output)\(dry.errors)")
            #expect(dry.output.contains("leads to 1 removal (archive)"), "\(dry.output)")
            let one = try await demo.hawser("apply", "-f", changed, "--prune", "-l", "app")
            #expect(
                one.output == "volumeattachment/orders configured\nvolumeattachment/archive pruned\n", "\(one.errors)")
            let gone = try await demo.hawser("wait", "archive", "--for=detached", "--timeout", "60s")
            #expect(gone.status.isSuccess, "\(gone.errors)")
            #expect(
                try await demo.hawser("delete", "volumeattachment/scratch").output
                    == "volumeattachment/scratch deleted\n")
            // What is gone is remembered.
            #expect(try await demo.hawser("logs", "archive").output.contains("  event  "))
        }
    }

    @Test func `edit applies what was saved, shows what is wrong, and loses no text`() async throws {
        try await AppliedDemo.run { demo in
            func edit(with editor: String) async throws -> ChildProcess.Outcome {
                try await demo.hawser("edit", "orders", environment: ["EDITOR": editor])
            }
            let same = try await edit(with: "true")
            #expect(same.output == "Edit cancelled, no changes made.\n" && same.status.isSuccess)
            let changed = try await edit(with: "sed -i 's/readOnly: false/readOnly: true/'")
            #expect(
                changed.output == "volumeattachment/orders edited\n" && changed.status.isSuccess, "\(changed.errors)")

            // Wrong at first; with the reason before their eyes, right.
            let careful = try demo.write(
                "careful",
                """
                #!/bin/sh
                if grep -q 'did you mean' "$1"; then sed -i 's/readOnlie: true/readOnly: false/' "$1"
                else sed -i 's/readOnly: true/readOnlie: true/' "$1"; fi
                """)
            let repaired = try await edit(with: careful)
            #expect(repaired.output == "volumeattachment/orders edited\n", "\(repaired.errors)")

            let stubborn = try await edit(with: "sed -i s/Wait/Never/")
            #expect(stubborn.status == .exited(code: 1))
            try expectKept(stubborn, holds: "whenInUse: Never")

            let refused = try await edit(with: "sed -i 's/^    name: orders/    name: archive/'")
            #expect(refused.status == .exited(code: 1))
            let text = try expectKept(refused, holds: "name: archive")
            #expect(text.contains("#   cannot apply 'orders': export name archive is claimed by"), "\(text)")

            let manifest = try readTextFile("\(AppliedDemo.root)/manifests/demo/1-orders.yaml")
            let other = try demo.write("other.yaml", manifest.replacing("replication", with: "other"))
            let overtaken = try demo.write(
                "overtaken", "#!/bin/sh\nhawser apply -f \(other) >&2\nsed -i s/replication/mine/ \"$1\"\n")
            let lost = try await edit(with: overtaken)
            #expect(lost.status == .exited(code: 1))
            #expect(lost.errors.contains("was changed by somebody else meanwhile"))
            try expectKept(lost, holds: "app: mine")
            #expect(try await demo.hawser("get", "-l", "app=other", "-o", "name").output == "volumeattachment/orders\n")
        }
    }

    @discardableResult
    private func expectKept(_ outcome: ChildProcess.Outcome, holds line: String) throws -> String {
        let path = try #require(outcome.errors.split(separator: "kept in ").last).prefix { $0 != "\n" }
        let text = try readTextFile(String(path))
        #expect(text.contains(line), "\(text)")
        return text
    }

    @Test func `logs tells the story in the order of time, with the evidence; events can be chosen`() async throws {
        try await AppliedDemo.run { demo in
            let begun = try await demo.world.moment()
            await demo.world.removeExport("orders")
            _ = try await demo.world.untilDrifted("orders", since: begun)
            _ = try await demo.world.untilAllReady()
            let story = try await demo.hawser("logs", "orders").output.split(separator: "\n").map(String.init)
            #expect(story == story.sorted { $0.prefix(24) < $1.prefix(24) })
            for part in [
                "  attach    begun, job ", "  attach    succeeded after ",
                "  drift     ExportMissing (export): wanted ",
                "  export    begun: ", "is proven to be the volume", "  repair    ExportMissing gone after ",
                "  event     Ready: ",
            ] { #expect(story.contains { $0.contains(part) }, "\(part)\n\(story.joined(separator: "\n"))") }
            #expect(try await demo.hawser("logs", Self.orders).output.split(separator: "\n").map(String.init) == story)
            #expect(
                try await demo.hawser("logs", "orders", "--tail", "2").output.split(separator: "\n").map(String.init)
                    == story.suffix(2))
            let unknown = try await demo.hawser("logs", "nobody")
            #expect(
                unknown.status == .exited(code: 1) && unknown.errors.contains("no attachment and no volume 'nobody'"))

            let events = try await demo.hawser("events", "orders", "--since", "1h", "--no-headers").output
            #expect(events.split(separator: "\n").allSatisfy { $0.contains(" orders ") } && events.contains(" Ready "))
            #expect(try await demo.hawser("events", "--since", "0s", "--no-headers").output == "")
        }
    }

    @Test func `the completion key finds the names of what there is`() async throws {
        try await AppliedDemo.run { (demo) async throws in
            func proposals(_ words: String...) async throws -> [String] {
                try await ChildProcess.run(try demo.command(["__complete", "bash"] + words)).output
                    .split(separator: "\n").dropFirst().map { String($0.prefix { $0 != "\t" }) }
            }
            #expect(try await proposals("describe", "") == ["archive", "failover", "orders", "scratch"])
            #expect(try await proposals("wait", "orders", "s") == ["scratch"])
            #expect(try await proposals("get", "volumes", "a7f") == [Self.orders])
            #expect(try await proposals("get", "exports", "-o", "name", "or") == ["orders"])
            #expect(try await proposals("get", "--socket", "/nonexistent", "exports", "") == [])
        }
    }
}
