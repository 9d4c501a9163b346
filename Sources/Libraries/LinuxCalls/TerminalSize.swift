internal import CLinux
import Glibc

/// How many columns and lines the terminal behind a descriptor has; nil when it is no terminal or does not say (TIOCGWINSZ of
/// ioctl_tty(2)).
public func terminalSize(of descriptor: Int32) -> (columns: Int, lines: Int)? {
    var size = winsize()
    guard hawser_ioctl_pointer(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
        return nil
    }
    return (Int(size.ws_col), Int(size.ws_row))
}
