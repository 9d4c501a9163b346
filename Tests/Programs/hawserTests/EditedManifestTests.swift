import ControlAPIModel
import Testing
import VolumeModel

@testable import hawser

@Suite struct EditedManifestTests {
    private func manifest(file: String = "orders.yaml") throws -> EditedManifest {
        var object = WireObject(
            name: try #require(ObjectName("orders")), labels: ["app": "x"],
            volume: .id(try #require(VolumeID("a7f226a7-95a0-43b6-942e-acc909ef0c08"))), machine: .thisMachine,
            export: DesiredExport(name: try #require(ExportName("orders"))), detach: DetachPolicy(), file: file)
        object.generation = 7
        return try EditedManifest(object)
    }

    @Test func `what comes back unchanged is the very manifest`() throws {
        let edited = try manifest()
        #expect(EditedManifest.body(of: edited.text) == edited.body)
        #expect(!edited.body.contains("status"))
        #expect(!edited.body.contains("generation"))
    }

    @Test func `the edit is applied to the generation that was read, and stays its file's`() throws {
        let edited = try manifest()
        let wanted = try edited.edited(edited.body.replacing("readOnly: false", with: "readOnly: true")).get()
        #expect(wanted.expectedGeneration == 7)
        #expect(wanted.file == "orders.yaml")
        #expect(wanted.export?.readOnly == true)
    }

    @Test func `what is wrong stands in the header, with the line as the editor counts it`() throws {
        var edited = try manifest()
        let body = edited.body.replacing("whenInUse", with: "whenInUsed")
        guard case .failure(let refusal) = edited.edited(body) else {
            Issue.record("it was not refused")
            return
        }
        edited.refuse(body, refusal.problems)
        let lines = edited.text.split(separator: "\n", omittingEmptySubsequences: false)
        let place = try #require(lines.firstIndex { $0.contains("whenInUsed:") }) + 1
        #expect(lines.contains { $0.hasPrefix("#   line \(place): ") && $0.contains("did you mean 'whenInUse'?") })
        #expect(EditedManifest.body(of: edited.text) == body)
    }

    @Test func `a message of several lines stays in the header`() throws {
        var edited = try manifest()
        let body = edited.body + "# mine\n"
        edited.refuse(body, [EditedManifest.Problem(message: "one\ntwo")])
        #expect(EditedManifest.body(of: edited.text) == body)
    }

    @Test(arguments: ["", "---\n", "a: [", "kind: Pod\n"]) func `a text that is no manifest is refused`(_ text: String)
        throws
    {
        guard case .failure = try manifest().edited(text) else {
            Issue.record("it was not refused")
            return
        }
    }

    @Test func `the name stays, and one object stays one`() throws {
        let edited = try manifest()
        for text in [
            edited.body.replacing("  name: orders\nspec", with: "  name: other\nspec"),
            edited.body + "---\n" + edited.body,
        ] {
            guard case .failure(let refusal) = edited.edited(text) else {
                Issue.record("it was not refused: \(text)")
                continue
            }
            #expect(!refusal.problems.isEmpty)
        }
    }

    @Test func `a row's header says whose it is`() throws {
        #expect(try manifest(file: "").text.contains("# It is a row of desired_volume_attachments"))
    }
}
