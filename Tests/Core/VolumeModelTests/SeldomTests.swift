import Testing
import VolumeModel

private struct Extras: Omissible {
    static let usual = Extras()

    var words: [String] = []
    var number: Int?
}

@Suite struct SeldomTests {
    @Test func `what is as usual reads so, and equals what never was otherwise`() {
        var extras = Seldom<Extras>()
        #expect(extras[\.words].isEmpty)
        #expect(extras[\.number] == nil)
        extras[\.words] = ["one"]
        extras[\.number] = 2
        #expect(extras[\.words] == ["one"])
        #expect(extras != Seldom<Extras>())
        extras[\.words] = []
        #expect(extras[\.number] == 2)
        extras[\.number] = nil
        #expect(extras == Seldom<Extras>())
    }

    @Test func `a copy keeps what it had`() {
        var extras = Seldom<Extras>()
        extras[\.number] = 1
        let copy = extras
        extras[\.number] = 2
        #expect(copy[\.number] == 1)
    }
}
