import Synchronization
package import SystemPackage

/// Keeps appends from taking the blocks that the log of a full disk needs to win room: to seal what is full, and to
/// compact what is dead.
///
/// It is closed while that goes on, and from when the log's reserve was given up until there is one again. Files that
/// only take room are not begun then: whoever wants one is told that the disk is full, and waits outside of the append
/// lock.
package final class RoomGate: Sendable {
    private let closers = Atomic(0)
    private let takers = Atomic(0)
    private let isReserveSpent = Atomic(false)
    /// Bytes that the segments of the chain take on the disk.
    private let chainByteCount = Atomic(0)
    private let limit: Limit?

    /// The most disk that a log may take.
    package struct Limit: Sendable {
        package var byteCount: Int
        package var segmentByteCount: Int
        /// What the log takes beside its chain.
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

    /// Keeps the gate closed while `body` runs, which begins once nobody is inside.
    package func whileClosed<Result>(_ body: () throws -> Result) rethrows -> Result {
        closers.add(1, ordering: .sequentiallyConsistent)
        defer { closers.subtract(1, ordering: .sequentiallyConsistent) }
        while takers.load(ordering: .sequentiallyConsistent) > 0 { NamedThread.yield() }
        return try body()
    }

    /// Takes down that the reserve was given up, or that there is one again.
    package func noteReserve(isSpent: Bool) { isReserveSpent.store(isSpent, ordering: .releasing) }

    /// Takes down by how many bytes the chain has grown, or that a segment of so many was sealed or removed.
    package func noteChain(_ change: Int) { chainByteCount.add(change, ordering: .relaxed) }

    /// Runs `body`, which takes `byteCount` bytes of room in `directory`.
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
            // A compaction writes up to a segment before it gives anything back.
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
