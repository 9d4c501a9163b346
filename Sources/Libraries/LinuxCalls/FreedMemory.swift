internal import CLinux
import Glibc

/// What this process holds of memory and does not need while it rests.
public enum FreedMemory {
    /// Makes all threads allocate from one heap (mallopt(3)). By default nearly each has one of its own, and what one frees
    /// is of no use to the others. To be called before there is a second thread.
    public static func keepTogether() { _ = mallopt(M_ARENA_MAX, 1) }

    /// Gives back to the kernel what the allocator keeps of what was freed (malloc_trim(3)), and the pages of program and
    /// libraries, most of which only a start needs: those that are needed again come back from the page cache, at some
    /// microseconds each. It takes a millisecond or so: for quiet moments after a large piece of work.
    public static func giveBack() {
        _ = malloc_trim(0)
        _ = dl_iterate_phdr({ object, _, _ in FreedMemory.giveBackCode(object) }, nil)
    }

    /// Only segments that are mapped without the right to write: the loader changes nothing in them, so that every page is as
    /// it is in the file. What is relocated, and then made read-only, lies in segments that are writable at first.
    private static func giveBackCode(_ object: UnsafeMutablePointer<hawser_loaded_object>?) -> Int32 {
        guard let object = object?.pointee, let segments = object.segments else { return 0 }
        let pageSize = UInt(sysconf(Int32(_SC_PAGESIZE)))
        for segment in UnsafeBufferPointer(start: segments, count: Int(object.segment_count)) {
            guard segment.p_type == PT_LOAD, segment.p_flags & UInt32(PF_W) == 0 else { continue }
            let begin = (UInt(object.address) + UInt(segment.p_vaddr)) / pageSize * pageSize
            let end = UInt(object.address) + UInt(segment.p_vaddr) + UInt(segment.p_memsz)
            // What cannot be given back, such as the kernel's own page in every process, stays.
            _ = madvise(UnsafeMutableRawPointer(bitPattern: begin), Int(end - begin), Int32(MADV_DONTNEED))
        }
        return 0
    }
}
