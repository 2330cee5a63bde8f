import Synchronization

/// A log segment that is not sealed yet: the one being appended to, one prepared to follow it, or one on its way to the
/// seal.
package final class ActiveSegment: Sendable {
    package let name: SegmentName
    package let file: any OpenFile
    package let seed: FrameSeed
    /// Bytes the segment may grow to.
    package let capacity: Int
    package let isMapped: Bool
    /// How many bytes from the start have their blocks on the disk; all of them if each frame allocates its own blocks.
    private let reserved: Atomic<Int>
    /// The segment before it in the chain, or 0.
    package let previous: SegmentNumber
    /// How many records have a frame in the segment and no index entry yet. An append counts up under the append lock,
    /// and down after the insert. A segment is sealed only at zero, so that compaction never misses an entry.
    private let pending = Atomic<Int>(0)

    /// Before here pages are in the page cache, or were synced. Used by one sync at a time.
    private let populatedEnd = Atomic<Int>(0)

    private init(
        name: SegmentName, file: any OpenFile, seed: FrameSeed, capacity: Int, reserved: Int, isMapped: Bool,
        previous: SegmentNumber
    ) {
        self.name = name
        self.file = file
        self.seed = seed
        self.capacity = capacity
        self.reserved = Atomic(reserved)
        self.isMapped = isMapped
        self.previous = previous
    }

    package var hasPendingEntries: Bool { pending.load(ordering: .acquiring) != 0 }

    package func addPendingEntry() { pending.add(1, ordering: .relaxed) }

    package func removePendingEntry() { pending.subtract(1, ordering: .releasing) }

    /// The blocks that a segment begins with. Most logs are small, so each takes what it needs, and not what it may
    /// need later.
    package static func firstReserve(capacity: Int) -> Int {
        let wanted = min(64 << 10, max(capacity / 4, blockByteCount))
        return min(capacity, wanted / blockByteCount * blockByteCount)
    }

    /// File systems allocate multiples of so many bytes.
    private static let blockByteCount = 4 << 10

    package var reservedByteCount: Int { reserved.load(ordering: .relaxed) }

    /// Where frames must end until the segment grows. Sealing gives the space after it back to the disk, so that a full
    /// disk has room for the footer and the manifest.
    package var usableByteCount: Int {
        let reserved = reservedByteCount
        return reserved == capacity ? capacity : reserved - Self.slack(reserved)
    }

    private static let slackLimit = 16 << 10

    private static func slack(_ reserved: Int) -> Int { min(slackLimit, reserved / 4) }

    /// The least to reserve so that frames may end at `end`.
    private func leastReserve(for end: Int) -> Int {
        // A quarter of the whole equals a third of the rest.
        let count = end + min(Self.slackLimit, (end + 2) / 3)
        return min(capacity, (count + Self.blockByteCount - 1) / Self.blockByteCount * Self.blockByteCount)
    }

    /// How much to reserve so that frames may end at `end`: twice as much as now or, on a nearly full disk, only what
    /// is needed.
    package func reserves(for end: Int) -> [Int] {
        let least = leastReserve(for: end)
        let wanted = min(capacity, max(2 * reservedByteCount, least))
        return wanted == least ? [least] : [wanted, least]
    }

    /// Has the disk give the segment blocks for `byteCount` bytes. Under the append lock.
    ///
    /// - Returns: false if the file system can no longer allocate ahead.
    package func reserve(byteCount: Int) throws(FileSystemError) -> Bool {
        do throws(FileSystemError) {
            guard try file.reserve(byteCount: byteCount) else { return false }
        } catch {
            // If the disk became full meanwhile, it may have allocated a part.
            try? file.truncate(toByteCount: reservedByteCount)
            throw error
        }
        reserved.store(byteCount, ordering: .relaxed)
        return true
    }

    /// Creates the file of a new segment: allocates blocks, writes the header, syncs the directory. The segment's first
    /// sync makes the header durable.
    ///
    /// - Parameters:
    ///   - reserving: how many of the `capacity` bytes to allocate now. If nil, none: the segment is not mapped, and
    ///     any frame may find the disk full.
    ///   - syncsName: false if the caller syncs the directory before the first frame.
    /// - Throws: what failed; a failed `.remove` when a part of the segment stays behind.
    package static func create(
        _ identity: LogIdentity, number: SegmentNumber, previous: SegmentNumber, epoch: UInt32, capacity: Int,
        reserving: Int?, mapping: Bool, syncsName: Bool = true, created: Int64
    ) throws(FileSystemError) -> ActiveSegment {
        let name = SegmentName(number, .log)
        let file = try identity.directory.openFile(name, .create)
        do throws(FileSystemError) {
            var isReserved = false
            if let reserving { isReserved = try file.reserve(byteCount: reserving) }
            var isMapped = false
            if mapping, isReserved { isMapped = try file.map(byteCount: capacity) }
            let header = SegmentHeader(
                role: .log, log: identity.identifier, segment: number, epoch: epoch, previous: previous,
                created: created, hashSecret: identity.hashSecret)
            let segment = ActiveSegment(
                name: name, file: file, seed: identity.seed(of: number), capacity: capacity,
                reserved: isReserved ? reserving ?? capacity : capacity, isMapped: isMapped, previous: previous)
            try segment.put(header.bytes, at: 0)
            if syncsName { try identity.directory.sync() }
            return segment
        } catch {
            file.close()
            // Recovery would remove the empty segment, but a full disk needs its blocks now. And two segments that
            // follow the same one must never exist: recovery could not tell which one continues the log.
            try identity.directory.remove(name)
            throw error
        }
    }

    /// Makes the pages that follow the frames part of the sync that comes, if it is one of many short ones.
    ///
    /// The first write to an allocated block also changes the file's list of extents, which the sync has to write as
    /// well, with a commit of the journal where there is one. One sync can do that for the next ones.
    ///
    /// - Parameters:
    ///   - end: where the frames end that the sync makes durable.
    ///   - start: where those of the sync before ended.
    package func populateAhead(of end: Int, since start: Int) {
        guard isMapped, end - start <= Self.shortSpan, end > populatedEnd.load(ordering: .relaxed) else { return }
        let next = min(end + Self.populatedByteCount, reservedByteCount)
        populatedEnd.store(next, ordering: .relaxed)
        if end < next { file.populate(end..<next) }
    }

    /// Syncs of more than this, in bytes, write their extents themselves: that costs little beside the rest.
    private static let shortSpan = 16 << 10
    private static let populatedByteCount = 64 << 10

    private func put(_ bytes: [UInt8], at offset: Int) throws(FileSystemError) {
        if isMapped {
            unsafe bytes.withUnsafeBytes { unsafe file.store($0, at: offset) }
        } else {
            try file.write(bytes, at: offset)
        }
    }

    /// From so many bytes on, a write is cheaper than a store: a store takes a page fault for each fresh page, which
    /// the kernel first fills with zeros. Both reach the same pages of the page cache.
    private static let leastWrite = 8 << 10

    /// Whether a frame of so many bytes goes through the mapping.
    ///
    /// - Parameter isSyncedAlone: whether a sync is expected that has no other frame. Then a write is cheaper for any
    ///   size: the sync need not drop the page from the page table, and no store has to map it again.
    @inline(__always)
    package func isStored(_ byteCount: Int, isSyncedAlone: Bool) -> Bool {
        isMapped && byteCount < Self.leastWrite && !isSyncedAlone
    }

    /// Puts a frame that is in one piece in its place.
    @inline(__always)
    package func put(_ bytes: UnsafeRawBufferPointer, at offset: Int, isStored: Bool) throws(FileSystemError) {
        if isStored {
            unsafe file.store(bytes, at: offset)
        } else {
            unsafe try file.write(bytes, at: offset)
        }
    }
}
