import Glibc

/// For a file that only grows: made when missing, closed in children.
let appendFlags: Int32 = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC
