/// Work on many parts, on a few threads at a time.
package enum Lanes {
    /// Calls `body` with each number below `count`, in order, on up to `laneCount` threads, the caller's included.
    ///
    /// Returns when all calls have ended. After a failure no further ones begin. The failure of the smallest number is
    /// thrown, which is the one that a single thread would have met.
    package static func forEach<Failure: Error>(
        below count: Int, laneCount: Int, _ body: @escaping @Sendable (Int) throws(Failure) -> Void
    ) throws(Failure) {
        guard laneCount > 1, count > 1 else {
            for index in 0..<count { try body(index) }
            return
        }
        let state = Lock(Progress<Failure>())
        let work: @Sendable () -> Void = {
            while let index = nextIndex(state, count) {
                do throws(Failure) {
                    try body(index)
                } catch {
                    state.withLock { state in
                        if let known = state.failure, known.index < index { return }
                        state.failure = (index, error)
                    }
                }
            }
        }
        let threads = (1..<min(laneCount, count)).compactMap { _ in NamedThread(name: "ckpt-lane", work) }
        work()
        for thread in threads { thread.join() }
        if let failure = state.withLock({ $0.failure }) { throw failure.error }
    }

    /// As ``forEach(below:laneCount:_:)``, and returns the results of `body` in the order of the numbers.
    package static func map<Value: Sendable, Failure: Error>(
        below count: Int, laneCount: Int, _ body: @escaping @Sendable (Int) throws(Failure) -> Value
    ) throws(Failure) -> [Value] {
        let values = Lock([Value?](repeating: nil, count: count))
        try forEach(below: count, laneCount: laneCount) { index throws(Failure) in
            let value = try body(index)
            values.withLock { $0[index] = value }
        }
        return values.withLock { $0.compactMap(\.self) }
    }

    private struct Progress<Failure: Error> {
        var next = 0
        var failure: (index: Int, error: Failure)?
    }

    private static func nextIndex<Failure: Error>(_ state: Lock<Progress<Failure>>, _ count: Int) -> Int? {
        state.withLock { state in
            guard state.failure == nil, state.next < count else { return nil }
            defer { state.next += 1 }
            return state.next
        }
    }
}

/// Bytes that the threads of a call share while it lasts. Each may read all of them, and writes only to its own part.
///
/// `@unchecked Sendable`: the call that lends the bytes ends after all threads have.
@safe package struct LentBytes: @unchecked Sendable {
    package let bytes: UnsafeRawBufferPointer

    package init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = bytes }
}

/// As ``LentBytes``, for memory to be filled.
///
/// `@unchecked Sendable`: as there; each thread fills a part of its own.
@safe package struct LentRoom: @unchecked Sendable {
    package let bytes: UnsafeMutableRawBufferPointer

    package init(_ bytes: UnsafeMutableRawBufferPointer) { unsafe self.bytes = bytes }
}
