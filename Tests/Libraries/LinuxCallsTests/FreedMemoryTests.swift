import LinuxCalls
import Testing

@Suite struct FreedMemoryTests {
    @Test func `code and constants that were given back are there again when they are needed`() {
        let words = (0..<1_000).map { "word \($0)" }
        FreedMemory.giveBack()
        #expect(words.last == "word 999")
        #expect(words.map(\.count).max() == 8)
        FreedMemory.giveBack()
    }
}
