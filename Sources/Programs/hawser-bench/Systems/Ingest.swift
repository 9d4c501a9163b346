import CloudStack
import FoundationEssentials
import LinuxCalls
import VolumeModel

extension Benchmark {
    static let ingest = Benchmark(
        name: "ingest", summary: "answers to listVolumes decoded into records: 10,000 volumes in twenty pages"
    ) {
        let pages = (0..<20).map { Ingest.page($0, rows: 500, of: 10_000) }
        let bytes = Double(pages.reduce(0) { $0 + $1.count })
        var decoded: [Double] = []
        var read: [Double] = []
        for _ in 0..<20 {
            let (records, took) = try seconds { try pages.reduce(0) { try $0 + Ingest.decode($1) } }
            guard records == 10_000 else { throw Broken("\(records) of 10,000 volumes were decoded") }
            decoded.append(took)
            let (sum, floor) = seconds { pages.reduce(0) { $0 &+ Ingest.sum($1) } }
            consume(sum)
            read.append(floor)
        }
        return [
            Figure(
                "listVolumes decoded", bytes / Samples(decoded).minimum, .bytesPerSecond, target: .atLeast(1e9),
                peers: [
                    .init(
                        name: "Python's json", value: try await Ingest.pythonRate(pages, bytes: bytes),
                        unit: .bytesPerSecond),
                    .init(name: "a bare read", value: bytes / Samples(read).minimum, unit: .bytesPerSecond),
                ], note: "the fastest of 20")
        ]
    }
}

private enum Ingest {
    static func decode(_ page: [UInt8]) throws -> Int {
        let answer = try ListingPage(answer: page)
        if let problem = answer.problem { throw Broken(problem) }
        return answer.records.count
    }

    @inline(never)
    static func sum(_ page: [UInt8]) -> UInt64 { page.reduce(0) { $0 &+ UInt64($1) } }

    /// The same pages, from files, with the fastest parser of Python's own library.
    static func pythonRate(_ pages: [[UInt8]], bytes: Double) async throws -> Double {
        let directory = try TemporaryDirectory(prefix: "hawser-bench")
        for (number, page) in pages.enumerated() { try writeFile("\(directory.path)/\(number)", bytes: page) }
        let program = """
            import json, sys, time
            pages = [open(f"{sys.argv[1]}/{number}", "rb").read() for number in range(int(sys.argv[2]))]
            best = float("inf")
            for _ in range(5):
                start = time.perf_counter()
                for page in pages:
                    volumes = [(v["id"], v["name"], v["state"], v["size"], v.get("virtualmachineid"))
                               for v in json.loads(page)["listvolumesresponse"]["volume"]]
                best = min(best, time.perf_counter() - start)
            print(best)
            """
        let outcome = try await ChildProcess.run(
            .init("/usr/bin/python3", ["-c", program, directory.path, "\(pages.count)"]))
        guard let best = Double(outcome.output.filter { !$0.isWhitespace }) else {
            throw Broken("python3 said '\(outcome.output)\(outcome.errors)'")
        }
        return bytes / best
    }

    /// A page with the fields that CloudStack 4.20 gives an administrator.
    static func page(_ number: Int, rows: Int, of count: Int) -> [UInt8] {
        let volumes = (0..<rows).map { row(number * rows + $0) }.joined(separator: ",")
        return Array(#"{"listvolumesresponse":{"count":\#(count),"volume":[\#(volumes)]}}"#.utf8)
    }

    private static func row(_ number: Int) -> String {
        let volume = Installation.volume(number)
        return """
            {"id":"\(volume)","name":"volume-\(number)","zoneid":"9f3c1a52-7e0b-4d7e-9a54-1f2b3c4d5e6f",\
            "zonename":"zone-1","type":"DATADISK","deviceid":1,\
            "virtualmachineid":"c0ffee00-0000-4000-8000-00000000abcd","vmname":"machine-\(number / 25)",\
            "vmdisplayname":"machine-\(number / 25)","vmstate":"Running","vmtype":"User","provisioningtype":"thin",\
            "size":10737418240,"created":"2026-11-20T10:11:12+0000","attached":"2026-11-20T10:12:13+0000",\
            "state":"Ready","account":"admin","domainid":"52b9e1a0-3c55-11ee-be56-0242ac120002","domain":"ROOT",\
            "domainpath":"ROOT","deleteprotection":false,"storageid":"7a3bd7d0-13d5-4b1c-8f6f-3b0b1f0f6f10",\
            "diskofferingid":"0ff00000-0000-4000-8000-000000000001","diskofferingname":"Custom",\
            "diskofferingdisplaytext":"Custom disk","storage":"primary","storagetype":"shared","hypervisor":"KVM",\
            "displayvolume":true,"destroyed":false,"isextractable":true,"quiescevm":false,\
            "supportsstoragesnapshot":false,"hasannotations":false,"tags":[]}
            """
    }
}
