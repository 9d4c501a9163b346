internal import CUdev
import Glibc

/// Owns one libudev context. The thread that makes it is the only one that may ever use or free it, even under a lock
/// (libudev(3)).
struct UdevContext: ~Copyable {
    private let context: OpaquePointer

    /// `ENOMEM` is the only way in which `udev_new` fails.
    init() throws(UdevError) {
        guard let context = udev_new() else { throw UdevError(operation: "make a udev context", errorNumber: ENOMEM) }
        self.context = context
    }

    deinit { udev_unref(context) }

    /// All block devices there are now.
    borrowing func blockDevices() throws(UdevError) -> [UdevDevice] {
        guard let enumeration = udev_enumerate_new(context) else {
            throw UdevError(operation: "enumerate devices", errorNumber: ENOMEM)
        }
        defer { udev_enumerate_unref(enumeration) }
        var result = udev_enumerate_add_match_subsystem(enumeration, "block")
        if result >= 0 { result = udev_enumerate_scan_devices(enumeration) }
        guard result >= 0 else { throw UdevError(operation: "enumerate block devices", errorNumber: -result) }
        var devices: [UdevDevice] = []
        var entry = udev_enumerate_get_list_entry(enumeration)
        while let current = entry {
            // A device that went away since the scan is not there, as if the scan had come later.
            if let path = udev_list_entry_get_name(current),
                let device = udev_device_new_from_syspath(context, path)
            {
                defer { udev_device_unref(device) }
                if let value = udevDevice(from: device) { devices.append(value) }
            }
            entry = udev_list_entry_get_next(current)
        }
        return devices
    }

    /// A monitor of the events that udevd sends when its rules have run for a block device.
    borrowing func monitor(bufferSizeInBytes: Int32) throws(UdevError) -> UdevMonitor {
        guard let monitor = udev_monitor_new_from_netlink(context, "udev") else {
            throw UdevError(operation: "listen to udev", errorNumber: errno)
        }
        // Above net.core.rmem_max this needs CAP_NET_ADMIN; a smaller buffer loses events sooner, and that is noticed.
        _ = udev_monitor_set_receive_buffer_size(monitor, bufferSizeInBytes)
        var result = udev_monitor_filter_add_match_subsystem_devtype(monitor, "block", nil)
        if result >= 0 { result = udev_monitor_enable_receiving(monitor) }
        guard result >= 0 else {
            udev_monitor_unref(monitor)
            throw UdevError(operation: "listen to udev", errorNumber: -result)
        }
        return UdevMonitor(owning: monitor)
    }
}

/// Owns one netlink monitor; of the same thread as its context.
struct UdevMonitor: ~Copyable {
    private let monitor: OpaquePointer
    /// Readable when an event waits; it is non-blocking.
    let descriptor: Int32

    init(owning monitor: OpaquePointer) {
        self.monitor = monitor
        descriptor = udev_monitor_get_fd(monitor)
    }

    deinit { udev_monitor_unref(monitor) }

    enum Received {
        case event(UdevEvent)
        /// An event that is none of ours.
        case other
        case nothing
        /// The kernel dropped events because the buffer was full (ENOBUFS of netlink(7)).
        case eventsLost
    }

    /// The next event that waits.
    borrowing func receive() -> Received {
        errno = 0
        guard let device = udev_monitor_receive_device(monitor) else {
            return errno == ENOBUFS ? .eventsLost : .nothing
        }
        defer { udev_device_unref(device) }
        let action = udev_device_get_action(device).map { String(cString: $0) } ?? "change"
        guard let name = udev_device_get_sysname(device) else { return .other }
        if action == "remove" { return .event(.removed(kernelName: String(cString: name))) }
        guard let value = udevDevice(from: device) else { return .other }
        return .event(.changed(value, action: action))
    }
}

/// Copies out all that is of interest; nil for a device without a node.
private func udevDevice(from device: OpaquePointer) -> UdevDevice? {
    guard let path = udev_device_get_syspath(device), let name = udev_device_get_sysname(device),
        let node = udev_device_get_devnode(device)
    else { return nil }
    let number = udev_device_get_devnum(device)
    var properties: [String: String] = [:]
    var entry = udev_device_get_properties_list_entry(device)
    while let current = entry {
        if let key = udev_list_entry_get_name(current), let value = udev_list_entry_get_value(current) {
            properties[String(cString: key)] = String(cString: value)
        }
        entry = udev_list_entry_get_next(current)
    }
    var links: [String] = []
    entry = udev_device_get_devlinks_list_entry(device)
    while let current = entry {
        if let link = udev_list_entry_get_name(current) { links.append(String(cString: link)) }
        entry = udev_list_entry_get_next(current)
    }
    func attribute(_ name: String) -> String? {
        udev_device_get_sysattr_value(device, name).map { String(cString: $0) }
    }
    return UdevDevice(
        kernelName: String(cString: name), path: String(cString: path), node: String(cString: node),
        major: hawser_udev_major(number), minor: hawser_udev_minor(number),
        kind: udev_device_get_devtype(device).map { String(cString: $0) } ?? "disk",
        isInitialized: udev_device_get_is_initialized(device) > 0, links: links.sorted(), properties: properties,
        serialAttribute: attribute("serial").flatMap { $0.isEmpty ? nil : $0 },
        // In 512-byte sectors, whatever the device's own sectors are (Documentation/ABI/stable/sysfs-block).
        sizeInBytes: attribute("size").flatMap { Int64($0) }.map { $0 * 512 } ?? 0, isReadOnly: attribute("ro") == "1")
}
