import Arguments
import Testing

@testable import hawser

/// Force is for one object, with a reason: nothing is forced in general.
@Suite struct NoForceTests {
    private static let words = ["force", "override", "ignore", "unsafe", "yes-to-all"]

    @Test func `no command has an option that forces`() {
        for command in Commands.all {
            for option in command.description.options {
                #expect(
                    !Self.words.contains { option.name.contains($0) }, "\(command.description.name) --\(option.name)")
            }
        }
    }

    @Test func `an override names just one object`() {
        #expect(OverrideCommand.command.description.operandCount == 1...1)
    }
}
