import Synchronization
package import SystemPackage

/// On a full disk, keeps appends from taking the blocks that the log needs to win room: to seal full segments and to
/// compact dead bytes.
///
/// The gate is closed during that work, and while the log has no reserve because it gave it up. A closed gate admits no
/// new file that only takes room: the caller gets "disk full", and waits outside of the append lock.
package final class RoomGate: Sendable {
    private let closers = Atomic(0)
    private let takers = Atomic(0)
    private let isReserveSpent = Atomic(false)
    /// How many threads use the blocks of the reserve that was given up.
    private let reserveSpenders = Lock(0)
    /// Bytes of the chain's segments on the disk.
    private let chainByteCount = Atomic(0)
    private let limit: Limit?

    /// The most disk that a log may take.
    package struct Limit: Sendable {
        package var byteCount: Int
        package var segmentByteCount: Int
        /// Bytes of the log on the disk, without its chain.
        package var otherByteCount: @Sendable () -> Int

        package init(byteCount: Int, segmentByteCount: Int, otherByteCount: @escaping @Sendable () -> Int) {
            self.byteCount = byteCount
            self.segmentByteCount = segmentByteCount
            self.otherByteCount = otherByteCount
        }
    }

    package init(limit: Limit? = nil) { self.limit = limit }

    package var isOpen: Bool { !isBusy && !isReserveSpent.load(ordering: .acquiring) }

    /// Whether room is being won at this moment.
    package var isBusy: Bool { closers.load(ordering: .sequentiallyConsistent) > 0 }

    /// Waits until nobody is inside, and keeps the gate closed while `body` runs.
    package func whileClosed<Result>(_ body: () throws -> Result) rethrows -> Result {
        closers.add(1, ordering: .sequentiallyConsistent)
        defer { closers.subtract(1, ordering: .sequentiallyConsistent) }
        while takers.load(ordering: .sequentiallyConsistent) > 0 { NamedThread.yield() }
        return try body()
    }

    /// Runs `change`, which makes the reserve or gives it up, and notes what it returns: whether the log is without its
    /// reserve now, or nil if nothing has changed. Not while a thread spends the reserve, which would lose its blocks.
    ///
    /// One at a time: otherwise a thread could give the reserve up after another one has found that it is there, and
    /// before that one says so. The gate would be open without a reserve, and what the log needs to win room be taken.
    package func changingReserve(_ change: () -> Bool?) {
        reserveSpenders.withLock { spenders in
            guard spenders == 0, let isSpent = change() else { return }
            isReserveSpent.store(isSpent, ordering: .releasing)
        }
    }

    /// Gives the reserve up by `giveUp`, and runs `body`, which needs its blocks, with the gate closed. Nobody makes
    /// the reserve again before `body` has ended; the caller does afterwards.
    ///
    /// - Returns: nil if there was none, by what `giveUp` returned.
    package func spendingReserve<Result>(
        _ giveUp: () -> Bool, _ body: () throws -> Result
    ) rethrows -> Result? {
        try whileClosed {
            let isGivenUp = reserveSpenders.withLock { spenders in
                guard giveUp() else { return false }
                isReserveSpent.store(true, ordering: .releasing)
                spenders += 1
                return true
            }
            guard isGivenUp else { return nil }
            defer { reserveSpenders.withLock { $0 -= 1 } }
            return try body()
        }
    }

    /// Notes by how many bytes the chain has grown or shrunk.
    package func noteChain(_ change: Int) { chainByteCount.add(change, ordering: .relaxed) }

    /// Runs `body`, which needs `byteCount` bytes of room in `directory`.
    ///
    /// - Throws: that the disk is full, while the gate is closed or the log would be over its limit; what `body`
    ///   throws.
    /// - Complexity: O(n) in the sealed segments and large values, for a log that has a limit.
    package func takingRoom<Result>(
        _ byteCount: Int, in directory: FilePath, _ body: () throws(FileSystemError) -> Result
    ) throws(FileSystemError) -> Result {
        takers.add(1, ordering: .sequentiallyConsistent)
        defer { takers.subtract(1, ordering: .sequentiallyConsistent) }
        guard isOpen else { throw FileSystemError(.reserve, directory, .noSpace) }
        if let limit {
            let chain = chainByteCount.load(ordering: .relaxed)
            // A compaction writes up to one segment before it gives anything back.
            let taken = chain + limit.otherByteCount() + limit.segmentByteCount
            guard taken + byteCount <= limit.byteCount else { throw FileSystemError(.limit, directory, .noSpace) }
        }
        return try body()
    }

    /// The same for what throws the log's own errors.
    package func takingRoom<Result>(
        _ byteCount: Int, in directory: FilePath, _ body: () throws -> Result
    ) throws -> Result {
        let outcome = try wrapping { () throws(FileSystemError) in
            try takingRoom(byteCount, in: directory) { () throws(FileSystemError) in Swift.Result { try body() } }
        }
        return try outcome.get()
    }
}
