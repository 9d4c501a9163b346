import YAML

/// The order in which values of one path are listed: absent ones first, numbers by size, text as people count, so that
/// `vdb2` comes before `vdb10`.
enum SortOrder {
    static func isBefore(_ left: Node?, _ right: Node?) -> Bool {
        guard let left, let right else { return left == nil && right != nil }
        if let left = number(left), let right = number(right) { return left < right }
        return isBefore(JSONPath.text(of: left), JSONPath.text(of: right))
    }

    static func isBefore(_ left: String, _ right: String) -> Bool {
        var left = left[...]
        var right = right[...]
        while let first = left.first, let second = right.first {
            let digits = (left.prefix(while: isDigit), right.prefix(while: isDigit))
            if !digits.0.isEmpty, !digits.1.isEmpty {
                // Without their leading zeros, the longer number is the larger one.
                let values = (digits.0.drop { $0 == "0" }, digits.1.drop { $0 == "0" })
                if values.0.count != values.1.count { return values.0.count < values.1.count }
                if values.0 != values.1 { return values.0 < values.1 }
                left = left.dropFirst(digits.0.count)
                right = right.dropFirst(digits.1.count)
            } else if first != second {
                return first < second
            } else {
                left.removeFirst()
                right.removeFirst()
            }
        }
        return left.isEmpty && !right.isEmpty
    }

    private static func number(_ value: Node) -> Double? {
        switch value.value {
        case .integer(let number): Double(number)
        case .real(let number): number
        case .flag(let flag): flag ? 1 : 0
        case .null, .text, .list, .map: nil
        }
    }

    private static func isDigit(_ character: Character) -> Bool { ("0"..."9").contains(character) }
}
