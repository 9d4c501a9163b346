/// Sizes of volumes as people write them: a whole number of gibibytes, because that is what CloudStack's createVolume
/// takes.
public enum VolumeSize {
    /// What ``bytes(_:)`` reads back as the same size.
    public static func text(_ bytes: Int64) -> String { "\(bytes >> 30)Gi" }

    static let rule = "use a whole number of gibibytes, such as 10Gi or 2Ti"

    /// The size in bytes; nil for anything that is not a whole, positive number of GiB.
    static func bytes(_ text: String) -> Int64? {
        let digits = text.prefix { ("0"..."9").contains($0) }
        guard let number = Int64(digits), number > 0 else { return nil }
        let unit: Int64
        switch text.dropFirst(digits.count) {
        case "Mi": unit = 1 << 20
        case "Gi": unit = 1 << 30
        case "Ti": unit = 1 << 40
        default: return nil
        }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit)
        return overflow || bytes % (1 << 30) != 0 ? nil : bytes
    }
}
