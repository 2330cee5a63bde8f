#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif
import SystemPackage

/// Opens files under descriptors that are none of the standard streams.
///
/// A program that is started with its output closed, as daemons and scheduled jobs are, gets descriptor 1 for the next
/// file that it opens. From then on it writes everything that it prints into that file.
enum Descriptors {
    private static let standardStreams: ClosedRange<Int32> = 0...2
    private static let standIns = Lock(())

    /// Opens `path` as the system's `open` does. Programs that this one starts do not inherit the file.
    ///
    /// - Returns: a descriptor of 3 or more, or -1 with `errno`.
    static func open(_ path: FilePath, _ flags: Int32) -> Int32 {
        unsafe path.withPlatformString { unsafe open($0, in: AT_FDCWD, flags, mode: 0) }
    }

    /// Opens `name` in `directory` as the system's `openat` does, with `mode` for a new file.
    static func open(_ name: UnsafePointer<CChar>, in directory: Int32, _ flags: Int32, mode: mode_t) -> Int32 {
        func systemOpen() -> Int32 {
            uninterrupted { unsafe openat(directory, name, flags | O_CLOEXEC, mode) }
        }
        let moved = standIns.withLock { _ -> Int32? in
            let closed = standardStreams.filter { fcntl($0, F_GETFD) < 0 }
            if closed.isEmpty { return nil }
            // What another thread prints meanwhile is lost, as it would have been anyway.
            var taken: [Int32] = []
            for _ in closed {
                let standIn = openNull()
                if standIn >= 0 { taken.append(standIn) }
            }
            let file = aboveStandardStreams(systemOpen())
            let code = errno
            for standIn in taken { _ = systemClose(standIn) }
            errno = code
            return file
        }
        return moved ?? aboveStandardStreams(systemOpen())
    }

    /// The same open file under a descriptor of 3 or more. A standard stream may be closed at this moment.
    private static func aboveStandardStreams(_ file: Int32) -> Int32 {
        guard standardStreams.contains(file) else { return file }
        let moved = fcntl(file, F_DUPFD_CLOEXEC, standardStreams.upperBound + 1)
        let code = errno
        _ = systemClose(file)
        errno = code
        return moved
    }
}

private func openNull() -> Int32 { unsafe open("/dev/null", O_RDWR | O_CLOEXEC) }

func systemClose(_ file: Int32) -> Int32 { close(file) }

/// Repeats a call that a signal interrupted before it did anything.
func uninterrupted(_ call: () -> Int32) -> Int32 {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}

extension Errno {
    /// Whether a sandbox, an old kernel or a file system refuses this kind of call. There is then a simpler way without
    /// it.
    var isRefusal: Bool { [.notPermitted, .noFunction, .invalidArgument, .notSupported].contains(self) }
}
