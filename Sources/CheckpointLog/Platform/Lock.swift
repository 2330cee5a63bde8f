#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A mutex that owns the state it guards, with a condition to wait for.
///
/// It uses `pthread_mutex_t`, which the thread sanitizer understands; for `Synchronization.Mutex` it reports races that
/// do not exist.
///
/// `@unchecked Sendable`: the state is used only between lock and unlock.
@safe package final class Lock<State>: @unchecked Sendable {
    // In one piece of memory, and the state right behind the mutex: who takes the lock uses both, and mostly finds them
    // in one cache line.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let state: UnsafeMutablePointer<State>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    /// - Parameter isBrief: whether several threads often meet here, and hold the lock for less time than it takes to
    ///   sleep and be woken. One that finds it taken then tries again for a moment before it sleeps.
    package init(_ initialState: State, isBrief: Bool = false) {
        func aligned<Value>(_ offset: Int, for type: Value.Type) -> Int {
            (offset + MemoryLayout<Value>.alignment - 1) & -MemoryLayout<Value>.alignment
        }
        let stateOffset = unsafe aligned(MemoryLayout<pthread_mutex_t>.size, for: State.self)
        let conditionOffset = aligned(stateOffset + MemoryLayout<State>.size, for: pthread_cond_t.self)
        let memory = unsafe UnsafeMutableRawPointer.allocate(
            byteCount: conditionOffset + MemoryLayout<pthread_cond_t>.size,
            alignment: max(MemoryLayout<State>.alignment, MemoryLayout<pthread_mutex_t>.alignment))
        unsafe mutex = memory.bindMemory(to: pthread_mutex_t.self, capacity: 1)
        unsafe condition = (memory + conditionOffset).bindMemory(to: pthread_cond_t.self, capacity: 1)
        unsafe state = (memory + stateOffset).bindMemory(to: State.self, capacity: 1)
        unsafe state.initialize(to: initialState)
        unsafe Self.initialize(mutex, isBrief)
        #if os(Linux)
        // A change of the wall clock must not change how long a wait lasts.
        var attributes = pthread_condattr_t()
        unsafe Self.check(pthread_condattr_init(&attributes))
        unsafe Self.check(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC))
        unsafe Self.check(pthread_cond_init(condition, &attributes))
        unsafe Self.check(pthread_condattr_destroy(&attributes))
        #else
        unsafe Self.check(pthread_cond_init(condition, nil))
        #endif
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe state.deinitialize(count: 1)
        unsafe UnsafeMutableRawPointer(mutex).deallocate()
    }

    /// Runs `body` with exclusive access to the state.
    @inline(__always)
    package func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try unsafe body(&state.pointee)
    }

    /// Waits until `body` returns a result. It is called at once, and again after each ``wakeAll()``.
    package func wait<Result, Failure: Error>(
        until body: (inout State) throws(Failure) -> Result?
    ) throws(Failure) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while true {
            if let result = try unsafe body(&state.pointee) { return result }
            unsafe pthread_cond_wait(condition, mutex)
        }
    }

    /// Waits like ``wait(until:)``, at most for `nanoseconds`; nil if there is no result by then.
    package func wait<Result>(atMost nanoseconds: Int, until body: (inout State) -> Result?) -> Result? {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        var deadline = Self.deadline(after: nanoseconds)
        while true {
            if let result = unsafe body(&state.pointee) { return result }
            guard unsafe Self.timedWait(condition, mutex, &deadline) else { return unsafe body(&state.pointee) }
        }
    }

    /// Lets every waiter call its `body` again.
    package func wakeAll() {
        unsafe pthread_cond_broadcast(condition)
    }

    private static func initialize(_ mutex: UnsafeMutablePointer<pthread_mutex_t>, _ isBrief: Bool) {
        #if canImport(Glibc)
        var attributes = pthread_mutexattr_t()
        unsafe check(pthread_mutexattr_init(&attributes))
        if isBrief { unsafe check(pthread_mutexattr_settype(&attributes, CInt(PTHREAD_MUTEX_ADAPTIVE_NP))) }
        unsafe check(pthread_mutex_init(mutex, &attributes))
        unsafe check(pthread_mutexattr_destroy(&attributes))
        #else
        unsafe check(pthread_mutex_init(mutex, nil))
        #endif
    }

    private static func check(_ code: Int32) {
        precondition(code == 0, "A pthread call failed with code \(code): the process is out of memory for locks.")
    }

    private static func deadline(after nanoseconds: Int) -> timespec {
        #if os(Linux)
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        let total = Int(now.tv_nsec) + nanoseconds
        return timespec(tv_sec: now.tv_sec + total / 1_000_000_000, tv_nsec: total % 1_000_000_000)
        #else
        return timespec(tv_sec: nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
        #endif
    }

    /// Whether the wait ended before the deadline.
    private static func timedWait(
        _ condition: UnsafeMutablePointer<pthread_cond_t>, _ mutex: UnsafeMutablePointer<pthread_mutex_t>,
        _ deadline: inout timespec
    ) -> Bool {
        #if os(Linux)
        unsafe pthread_cond_timedwait(condition, mutex, &deadline) == 0
        #else
        unsafe pthread_cond_timedwait_relative_np(condition, mutex, &deadline) == 0
        #endif
    }
}
