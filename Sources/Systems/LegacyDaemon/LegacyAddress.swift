public import MariaDB

extension MariaDBAddress {
    /// Reads what people have of the old daemon's database: an address (Go's form or a URL, ``MariaDBAddress/init(parsing:)``), or
    /// the old unit's environment, lines of `NAME=value` with `DATABASE_DSN`, or with `DB_HOST`, `DB_PORT`, `DB_USER`, `DB_PASS`
    /// (also `DB_PASSWORD`) and `DB_NAME`, as systemd's `EnvironmentFile=` takes them (systemd.exec(5)).
    public init(legacy text: String) throws(MariaDBAddressError) {
        let lines = text.split(whereSeparator: \.isNewline).map { $0.drop { $0 == " " || $0 == "\t" } }
            .filter { !$0.isEmpty && $0.first != "#" && $0.first != ";" }
        var variables: [String: String] = [:]
        for line in lines {
            let bare = line.hasPrefix("export ") ? line.dropFirst("export ".count) : line
            guard let equals = bare.firstIndex(of: "=") else { continue }
            let name = String(bare[..<equals])
            guard name == "DATABASE_DSN" || name.hasPrefix("DB_") else { continue }
            variables[name] = Self.unquoted(bare[bare.index(after: equals)...])
        }
        if let address = variables["DATABASE_DSN"], !address.isEmpty {
            try self.init(parsing: address)
        } else if variables["DB_HOST"] != nil {
            if let password = variables["DB_PASS"] { variables["DB_PASSWORD"] = password }
            try self.init(environment: variables)
        } else {
            try self.init(parsing: String(lines.first ?? ""))
        }
    }

    private static func unquoted(_ text: Substring) -> String {
        var value = text
        while value.last == " " || value.last == "\t" { value.removeLast() }
        if value.count >= 2, let quote = value.first, quote == "\"" || quote == "'", value.last == quote {
            value = value.dropFirst().dropLast()
        }
        return String(value)
    }
}
