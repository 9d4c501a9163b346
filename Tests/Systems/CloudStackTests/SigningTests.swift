import CloudStackSimulator
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
}
