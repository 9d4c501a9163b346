import CloudStackModel
import CloudStackSimulator
import Curl
import LinuxCalls
import Testing

@testable import CloudStack

/// Vectors computed with Java's URLEncoder and HmacSHA1, which is the server's own code path.
@Suite struct SigningTests {
    private static let keyA = "plgWJfZK4gyS3mOMTVmjUVg-X-jlWlnfaUJ9GAbBbf9EdM-kAYMmAiLqzzq1ElZLYq_u38zCm0bewzGUdP66mg"
    private static let secretA =
        "VDaACYb0LV9eNjTetIOElcVQkvJck_J_QljX_FcHRj87ZKiy0z0ty0ZsYBkoXkY9b7eq1EhwJaw7FF3akA3KBQ"
    private static let volume = "aaaaaaaa-0000-4000-8000-00000000000"
    private static let machine = "5b4c9b2e-2f5a-4a0b-9d0c-8a0f0f7a1c11"
    private static let offering = "11111111-2222-3333-4444-555555555555"
    private static let zone = "66666666-7777-8888-9999-000000000000"

    struct Vector: Sendable, CustomTestStringConvertible {
        var number: Int
        var isKeyA = false
        var parameters: [String: String]
        var signature: String
        var testDescription: String { "vector \(number)" }
    }

    static let vectors = [
        Vector(
            number: 1, isKeyA: true,
            parameters: ["command": "listVolumes", "listall": "true", "virtualmachineid": machine],
            signature: "G1gXtpbs/EeQzFNuNi9Ihx+wysk="),
        Vector(
            number: 2,
            parameters: [
                "command": "createVolume", "name": "My Vol * [a+b]@x.y", "diskofferingid": offering, "zoneid": zone,
                "size": "20",
            ], signature: "gT5IzjfakYmol8HLVJ+8EFtF5+A="),
        Vector(
            number: 3,
            parameters: [
                "command": "createVolume", "name": "Größe ünï-日本 100%&=/?#", "diskofferingid": offering, "zoneid": zone,
                "size": "5",
            ], signature: "NW3GciYAYmEnS4VjofnqNvPsWRk="),
        Vector(
            number: 4,
            parameters: [
                "command": "createTags", "resourceids": volume + "1", "resourcetype": "Volume", "tags[0].key": "owner",
                "tags[0].value": "ctl:appliance/1 (a'b)!",
            ], signature: "XdB5yUFqxoJ3Kujd681UHcimuUg="),
        Vector(
            number: 5,
            parameters: [
                "command": "attachVolume", "id": volume + "1", "virtualmachineid": machine, "deviceid": "4",
                "signatureversion": "3", "expires": "2030-01-02T03:04:05+0000",
            ], signature: "hZcRyQU++08R/TBHxGW2y1wf7sI="),
        Vector(
            number: 6,
            parameters: [
                "command": "listVolumes", "tags[0].key": "owner", "tags[0].value": "ctl", "page": "1",
                "pagesize": "500", "keyword": "it's \"q\" \\ `t`",
            ], signature: "Gq5OsGfjsb45NCb77Lm1ANDqz6E="),
        Vector(
            number: 7,
            parameters: [
                "command": "createVolume", "name": "My Vol *~ [a+b]@x.y", "diskofferingid": offering, "zoneid": zone,
                "size": "20",
            ], signature: "uHnxldjgYLcKwT6UxM5bdfPexts="),
        Vector(
            number: 8,
            parameters: [
                "command": "createTags", "resourceids": volume + "1," + volume + "2", "resourcetype": "Volume",
                "tags[0].key": "owner", "tags[0].value": "ctl:appliance/1", "tags[1].key": "x",
                "tags[1].value": "~tilde(1)!",
            ], signature: "TxhBKcmGofrJ3l7tJ+qTMDLLgYc="),
    ]

    @Test(arguments: vectors) func `the client signs as the server verifies`(vector: Vector) {
        let key = vector.isKeyA ? Self.keyA : "AKIA-test_key"
        let secret = vector.isKeyA ? Self.secretA : "s3cr3t/+="
        let form = RequestSigning.form(vector.parameters, apiKey: key, secretKey: secret, expires: nil)
        #expect(form.hasSuffix("&signature=" + RequestSigning.encoded(vector.signature)))
        // The simulator verifies by a rule written separately.
        let pairs = vector.parameters.map { ($0.key, $0.value) } + [("apiKey", key), ("response", "json")]
        #expect(RequestSignature.signature(of: pairs, secret: secret) == vector.signature)
    }

    /// Another character than the one that is there, also where case makes no difference: what is signed is in lower case.
    private static func changed(_ text: String, at index: Int) -> String {
        var characters = Array(text)
        characters[index] = characters[index].lowercased() == "x" ? "y" : "x"
        return String(characters)
    }

    /// The request as a client of any make would send it, and every request that differs from it in one character.
    private static func requests(of vector: Vector) -> (genuine: [(String, String)], forged: [[(String, String)]]) {
        // As other clients spell them; the order in which names are sorted must not suffer.
        let spelling = ["signatureversion": "signatureVersion"]
        var genuine = vector.parameters.map { (spelling[$0.key] ?? $0.key, $0.value) }
        genuine += [("apiKey", vector.isKeyA ? keyA : "AKIA-test_key"), ("response", "json")]
        genuine += [("signature", vector.signature)]
        var forged: [[(String, String)]] = []
        for (position, (name, value)) in genuine.enumerated() {
            for index in 0..<name.count {
                forged.append(genuine)
                forged[forged.count - 1][position].0 = changed(name, at: index)
            }
            for index in 0..<value.count {
                forged.append(genuine)
                forged[forged.count - 1][position].1 = changed(value, at: index)
            }
        }
        return (genuine, forged)
    }

    @Test(arguments: vectors)
    func `the simulator takes the call as it was signed, and no call that differs in one character`(
        vector: Vector
    ) async throws {
        let directory = try TemporaryDirectory(prefix: "hawser-vectors-")
        var world = DefaultWorld.make(now: 1_000_000)
        world.accounts[0].apiKey = Self.keyA
        world.accounts[0].secretKey = Self.secretA
        world.accounts[1].apiKey = "AKIA-test_key"
        world.accounts[1].secretKey = "s3cr3t/+="
        var configuration = Simulator.Configuration(
            stateDirectory: directory.path, seed: world, hypervisor: NoHypervisor())
        // One of the vectors expires in 2030: here it is November 2026 for ever.
        configuration.now = { 1_795_218_236_868 }
        let simulator = try await Simulator.start(configuration)
        let http = HTTPClient()
        func status(_ parameters: [(String, String)]) async throws -> Int {
            let query = parameters.map { "\(RequestSigning.encoded($0.0))=\(RequestSigning.encoded($0.1))" }
            let url = "http://127.0.0.1:\(await simulator.port)/client/api?" + query.joined(separator: "&")
            return try await http.send(HTTPRequest(.get, url)).status
        }
        let (genuine, forged) = Self.requests(of: vector)
        // The volumes and zones of the vectors are not there (431): what counts is that the caller was let in.
        #expect([200, 431].contains(try await status(genuine)))
        for call in forged {
            let answer = try await status(call)
            #expect(answer == 401, "\(call)")
        }
        await simulator.stop()
    }
}
