import Testing

@testable import hawserd

@Suite struct SettingsTests {
    @Test(arguments: [
        ("cloudstack.endpoint", "cloudstack-endpoint", "HAWSER_CLOUDSTACK_ENDPOINT"),
        ("nbd.listenReadOnly", "nbd-listen-read-only", "HAWSER_NBD_LISTEN_READ_ONLY"), ("self", "self", "HAWSER_SELF"),
    ])
    func `one key gives the option and the variable`(_ key: String, _ option: String, _ variable: String) throws {
        let setting = try #require(Setting.all.first { $0.key == key })
        #expect(setting.optionName == option)
        #expect(setting.environmentName == variable)
    }

    @Test func `a secret has no option, and never shows`() throws {
        for setting in Setting.all where setting.isSecret { #expect(setting.option == nil) }
    }
}
