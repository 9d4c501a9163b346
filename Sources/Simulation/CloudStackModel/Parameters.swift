import VolumeModel

/// The parameters of one call, by lower-case name, and CloudStack's rules for reading them.
struct Parameters {
    let command: String
    let values: [String: String]

    /// Names of arrays are `name[index]` or `name[index].field` (`ParamUnpackWorker`).
    func checkNames() throws(APIError) {
        for name in values.keys {
            guard let open = name.firstIndex(of: "[") else { continue }
            let close = name.firstIndex(of: "]")
            let isWellFormed =
                open == name.lastIndex(of: "[")
                && (open == name.startIndex
                    || close.map { close in
                        open < close && close == name.lastIndex(of: "]")
                            && name.firstIndex(of: ".").map { $0 > close } ?? false
                            && Int32(name[name.index(after: open)..<close]) != nil
                    } ?? false)
            guard isWellFormed else {
                throw APIError(
                    code: 430, cloudStackCode: 9999,
                    text: "Unable to decode parameter \(name); if specifying an object array, please use "
                        + "parameter[index].field=XXX, e.g. userGroupList[0].group=httpGroup")
            }
        }
    }

    /// Missing and empty are the same.
    func text(_ name: String) -> String? {
        guard let value = values[name], !value.isEmpty else { return nil }
        return value
    }

    func required(_ name: String) throws(APIError) -> String {
        guard let value = text(name) else {
            throw .server("Unable to execute API command \(command.lowercased()) due to missing parameter \(name)")
        }
        return value
    }

    /// Only "true", in any case, is true (Java's `Boolean.valueOf`).
    func flag(_ name: String) -> Bool? { text(name).map { $0.lowercased() == "true" } }

    func number(_ name: String) throws(APIError) -> Int64? {
        guard let value = text(name) else { return nil }
        guard let number = Int64(value) else {
            throw .server(
                "Unable to execute API command \(command.lowercased()) due to invalid value \(value) for parameter \(name)"
            )
        }
        return number
    }

    /// A Java `Integer`.
    private func integer(_ name: String) throws(APIError) -> Int64? {
        guard let number = try number(name) else { return nil }
        guard Int32(exactly: number) != nil else {
            throw .server(
                "Unable to execute API command \(command.lowercased()) due to invalid value \(number) for parameter \(name)"
            )
        }
        return number
    }

    func list(_ name: String) -> [String]? {
        text(name).map { $0.split(separator: ",").map(String.init) }
    }

    /// `tags[0].key=a&tags[0].value=b`.
    func map(_ name: String) -> [(key: String, value: String)] {
        var entries: [Int: (key: String?, value: String?)] = [:]
        for (parameter, value) in values {
            guard parameter.hasPrefix("\(name)["), let close = parameter.firstIndex(of: "]"),
                let index = Int(parameter[parameter.index(parameter.startIndex, offsetBy: name.count + 1)..<close])
            else { continue }
            switch parameter[parameter.index(after: close)...] {
            case ".key": entries[index, default: (nil, nil)].key = value
            case ".value": entries[index, default: (nil, nil)].value = value
            default: continue
            }
        }
        return entries.sorted { $0.key < $1.key }.compactMap { entry in
            entry.value.key.map { ($0, entry.value.value ?? "") }
        }
    }

    /// The error for an id that never existed, or that is no id.
    func unknown(_ name: String, _ value: String) -> APIError {
        .server(
            "Unable to execute API command \(command.lowercased()) due to invalid value. Invalid parameter \(name) "
                + "value=\(value) due to incorrect long value format, or entity does not exist or due to incorrect "
                + "parameter annotation for the field in api cmd class.")
    }

    /// `page` and `pagesize` come together, and no page is longer than the global limit.
    func page(limit: Int) throws(APIError) -> (start: Int, count: Int) {
        let page = try integer("page")
        let size = try integer("pagesize")
        if size == -1, page == nil { return (0, Int.max) }
        guard let page, let size else {
            if page != nil {
                throw .server("\"pagesize\" parameter is required when \"page\" is specified")
            }
            if size != nil { throw .server("\"page\" parameter is required when \"pagesize\" is specified") }
            return (0, limit)
        }
        guard size > 0, page > 0 else { throw .server("Page and page size should be positive") }
        guard size <= limit else {
            throw .server("Page size can't exceed max allowed page size value: \(limit)")
        }
        return (Int(page - 1) * Int(size), Int(size))
    }
}
