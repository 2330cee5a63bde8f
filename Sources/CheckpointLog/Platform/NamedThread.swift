import CPlatform

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A thread of the engine's own, so that blocking calls never occupy Swift's cooperative pool.
///
/// Without ``join()`` it ends by itself when its body returns.
package struct NamedThread: Sendable {
    /// Processors that the process may use.
    package static var coreCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    /// Makes the disk serve everybody else before the calling thread, if the system can do that.
    package static func lowerPriority() { checkpoint_lower_io_priority() }

    /// Blocks the calling thread.
    package static func sleep(for duration: Duration) {
        let (seconds, attoseconds) = duration.components
        var wanted = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
        // After an interruption the call says how much time is left.
        var rest = wanted
        while unsafe nanosleep(&wanted, &rest) != 0, errno == EINTR { wanted = rest }
    }

    /// Lets another thread run.
    package static func yield() { _ = sched_yield() }

    /// For tests: whether the system refuses to start threads for this task.
    @TaskLocal package static var areNoneLeft = false

    private let done: Lock<Bool>

    /// Starts a thread called `name` (Linux shows the first 15 bytes); nil if the system cannot start one.
    package init?(name: String, _ body: @escaping @Sendable () -> Void) {
        if Self.areNoneLeft { return nil }
        let done = Lock(false)
        self.done = done
        let start = Start(name: name) {
            body()
            done.withLock { $0 = true }
            done.wakeAll()
        }
        let context = unsafe Unmanaged.passRetained(start).toOpaque()
        #if os(Linux)
        var thread = pthread_t()
        #else
        var thread: pthread_t? = nil
        #endif
        let code = unsafe pthread_create(&thread, nil, Start.entry, context)
        guard code == 0 else {
            unsafe Unmanaged<Start>.fromOpaque(context).release()
            return nil
        }
        #if os(Linux)
        pthread_detach(thread)
        #else
        if let thread = unsafe thread { unsafe pthread_detach(thread) }
        #endif
    }

    /// Waits until the body has returned.
    package func join() {
        done.wait { $0 ? () : nil }
    }
}

/// What a new thread receives through the one pointer that `pthread_create` passes.
private final class Start {
    private let name: String
    private let body: () -> Void

    init(name: String, body: @escaping () -> Void) {
        self.name = name
        self.body = body
    }

    private func run() {
        unsafe checkpoint_name_thread(name)
        body()
    }

    #if os(Linux)
    static let entry: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
        if let context = unsafe context {
            unsafe Unmanaged<Start>.fromOpaque(context).takeRetainedValue().run()
        }
        return nil
    }
    #else
    static let entry: @convention(c) (UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? = { context in
        unsafe Unmanaged<Start>.fromOpaque(context).takeRetainedValue().run()
        return nil
    }
    #endif
}
