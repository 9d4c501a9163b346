import LinuxCalls
import Testing
import VolumeModel
import YAML

@testable import Manifests

private func read(_ text: String) -> ManifestReader {
    var reader = ManifestReader()
    reader.read(Array(text.utf8), file: "x.yaml")
    reader.finish()
    return reader
}

private let head = "apiVersion: hawser/v1\nkind: VolumeAttachment\n"
private let id = "a7f226a7-95a0-43b6-942e-acc909ef0c08"

@Suite struct ManifestReaderTests {
    @Test func `a manifest says what is wanted`() throws {
        let reader = read(
            head + """
                metadata: {name: moor-1, labels: {app: replication}}
                spec:
                  volume: {id: \(id)}
                  vm: self
                  export: {name: Moor.1, readOnly: true}
                  detach: {whenInUse: Wait}
                """)
        #expect(reader.problems.isEmpty)
        let manifest = try #require(reader.manifests.first)
        #expect(manifest.name.text == "moor-1")
        #expect(manifest.labels == ["app": "replication"])
        #expect(manifest.volume == .id(try #require(VolumeID(id))))
        #expect(manifest.machine == .thisMachine)
        #expect(manifest.export == DesiredExport(name: try #require(ExportName("Moor.1")), isReadOnly: true))
    }

    @Test func `a volume can be named, or created`() throws {
        let reader = read(
            head + "metadata: {name: a}\nspec: {volume: {name: data, zone: z}, vm: app-server}\n---\n" + head
                + "metadata: {name: b}\nspec: {volume: {template: {size: 10Gi, diskOffering: Custom, zone: z}}, vm: self}\n"
        )
        #expect(reader.problems.isEmpty)
        #expect(
            reader.manifests.map(\.volume) == [
                .named("data", zone: .named("z")),
                .created(
                    VolumeTemplate(name: "b", sizeInBytes: 10 << 30, offering: .named("Custom"), zone: .named("z"))),
            ])
        #expect(reader.manifests.first?.machine == .named("app-server"))
    }

    @Test(arguments: [
        ("metadata: {name: a}\nspec: {volume: {id: \(id)}, wm: self}", "x.yaml:4:", "did you mean 'vm'"),
        ("metadata: {name: A_b}\nspec: {volume: {id: \(id)}, vm: self}", "x.yaml:3:18", "'A_b' is no name"),
        ("metadata: {name: a}\nspec: {volume: {id: 7}, vm: self}", "x.yaml:4:21", "'7' is no volume id"),
        ("metadata: {name: a}\nspec: {volume: {name: d}, vm: self}", "x.yaml:4:", "lacks 'zone'"),
        ("metadata: {name: a}\nspec: {volume: {}, vm: self}", "x.yaml:4:", "takes one of"),
        (
            "metadata: {name: a}\nspec: {volume: {id: \(id)}, vm: self, export: {name: ../x}}", "x.yaml:4:",
            "'../x' is no export name"
        ),
        (
            "metadata: {name: a}\nspec: {volume: {id: \(id)}, vm: self, export: {name: x, readOnly: maybe}}",
            "x.yaml:4:", "true or false"
        ),
        (
            "metadata: {name: a}\nspec: {volume: {id: \(id)}, vm: self, detach: {whenInUse: Force}}", "x.yaml:4:",
            "is Wait, not 'Force'"
        ),
        (
            "metadata: {name: a}\nspec: {volume: {template: {size: 1.5Gi, diskOffering: c, zone: z}}, vm: self}",
            "x.yaml:4:", "'1.5Gi' is no size"
        ),
        ("metadata: {name: a}", "x.yaml:1:1", "lacks 'spec'"),
    ])
    func `what is wrong is named with its place`(_ body: String, _ place: String, _ message: String) throws {
        let reader = read(head + body)
        let problem = try #require(reader.problems.first)
        #expect(problem.description.hasPrefix(place), "\(problem)")
        #expect(problem.message.contains(message), "\(problem)")
        #expect(reader.manifests.isEmpty)
    }

    @Test func `all that is wrong is told at once`() {
        let reader = read(head + "metadata: {name: A}\nspec: {volume: {id: 7}, vmm: self}")
        #expect(reader.problems.count == 4)
    }

    @Test func `a document that is not ours is named`() {
        let reader = read("apiVersion: v1\nkind: Pod\n")
        #expect(reader.problems.first?.message.hasPrefix("this is apiVersion 'v1', kind 'Pod'") == true)
    }

    /// The store keeps labels as lines of `key=value`: such labels came back as others.
    @Test(arguments: [
        (#""a=b": c"#, "'a=b' is no key of a label"), (#""a b": c"#, "'a b' is no key of a label"),
        (#"a: "b\nc=d""#, "the value of label 'a' has to be one line of text"),
    ])
    func `a label that no selector could name, or no line hold, is refused`(_ label: String, _ message: String) {
        let reader = read(
            head + "metadata: {name: a, labels: {\(label)}}\nspec: {volume: {id: \(id)}, vm: self}\n")
        #expect(reader.problems.map { $0.message.hasPrefix(message) } == [true])
    }

    @Test(arguments: [
        "volume: {name: '', zone: z}, vm: self", "volume: {name: n, zone: ''}, vm: self",
        "volume: {name: n, zone: z}, vm: ''",
        "volume: {template: {name: '', diskOffering: o, zone: z}}, vm: self",
    ])
    func `an empty name is none`(_ spec: String) {
        let reader = read(head + "metadata: {name: a}\nspec: {\(spec)}\n")
        #expect(reader.problems.map { $0.message.hasSuffix(" is empty") } == [true])
    }

    @Test func `two objects that claim one thing are told of both places`() {
        let one = head + "metadata: {name: a}\nspec: {volume: {id: \(id)}, vm: self, export: {name: e}}\n"
        let reader = read(one + "---\n" + one)
        #expect(reader.problems.count == 3)
        #expect(reader.problems.allSatisfy { $0.message.contains("x.yaml:1:1") })
    }

    @Test(
        arguments: [
            ("10Gi", 10 << 30), ("1Ti", 1 << 40), ("2048Mi", 2 << 30), ("1Mi", nil), ("10", nil), ("10G", nil),
            ("0Gi", nil),
            ("-1Gi", nil), ("99999999999Ti", nil),
        ] as [(String, Int64?)])
    func `a size is a whole number of gibibytes`(_ text: String, _ bytes: Int64?) {
        #expect(VolumeSize.bytes(text) == bytes)
    }

    // MARK: The files of this repository

    private static let root = String(#filePath.split(separator: "/").dropLast(4).reduce(into: "") { $0 += "/" + $1 })

    @Test(arguments: ["demo", "examples"])
    func `every example is valid`(_ folder: String) throws {
        let directory = "\(Self.root)/manifests/\(folder)"
        var reader = ManifestReader()
        for name in try directoryEntries(directory) where name.hasSuffix(".yaml") {
            reader.read(try readFile("\(directory)/\(name)"), file: name)
        }
        reader.finish()
        #expect(reader.problems == [])
        #expect(!reader.manifests.isEmpty)
    }

    @Test func `the schema has the fields that the parser reads`() throws {
        // JSON is YAML.
        let schema = try #require(
            try YAMLReader().documents(readFile("\(Self.root)/manifests/schema/volumeattachment.json")).first)
        func fields(_ node: Node?) -> Set<String> {
            guard case .map(let entries)? = node?["properties"]?.value else { return [] }
            return Set(entries.map(\.key))
        }
        #expect(fields(schema) == Set(ManifestFields.document))
        let properties = schema["properties"]
        #expect(fields(properties?["metadata"]) == Set(ManifestFields.metadata))
        #expect(fields(properties?["spec"]) == Set(ManifestFields.spec))
        let spec = properties?["spec"]?["properties"]
        #expect(fields(spec?["volume"]) == Set(ManifestFields.volume))
        #expect(fields(spec?["volume"]?["properties"]?["template"]) == Set(ManifestFields.template))
        #expect(fields(spec?["export"]) == Set(ManifestFields.export))
        #expect(fields(spec?["detach"]) == Set(ManifestFields.detach))
    }
}
