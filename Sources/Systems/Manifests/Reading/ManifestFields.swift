/// The fields that a manifest may have, level by level: the parser and the JSON Schema both follow this one table.
public enum ManifestFields {
    public static let apiVersion = "hawser/v1"
    public static let kind = "VolumeAttachment"

    /// `status`, `metadata.generation` and `metadata.uid` are what `hawser get -o yaml` adds; they say nothing of what is
    /// wanted, and are not read.
    public static let document = ["apiVersion", "kind", "metadata", "spec", "status"]
    public static let metadata = ["name", "labels", "generation", "uid"]
    public static let spec = [
        "volume", "vm", "attachAs", "export", "detach", "mode", "deletionPolicy", "deletionGrace",
    ]
    public static let volume = ["id", "name", "zone", "size", "template"]
    public static let template = ["name", "size", "diskOffering", "zone"]
    public static let export = ["name", "readOnly"]
    public static let detach = ["whenInUse"]
}
