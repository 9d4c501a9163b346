internal import CLinux

/// What this process has freed and the allocator still keeps.
public enum FreedMemory {
    /// Gives it back to the kernel (malloc_trim(3)). It looks through all that is free, which takes a millisecond or so: for
    /// quiet moments after a large piece of work.
    public static func giveBack() { _ = malloc_trim(0) }
}
