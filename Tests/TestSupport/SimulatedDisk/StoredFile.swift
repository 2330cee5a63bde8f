/// What is left of a file's pages when a sync has failed.
package enum FailedSyncBehavior: Sendable, CaseIterable {
    /// The pages stay dirty: a later sync writes them.
    case kept
    /// The pages look clean and reads see the new bytes, but these are not on the disk and no later sync puts them
    /// there, unless they are written again. This is what ext4 and XFS do.
    case dropped
    /// Reads see again what was synced before.
    case reverted
}

/// One file of the simulated disk: what reads see, what the disk holds, and how the two may mix in a crash.
struct StoredFile: Sendable {
    /// What reads see.
    private(set) var written = BlockContent()
    /// What is on the disk for certain.
    private(set) var synced = BlockContent()
    /// The blocks that a sync would write, and which a crash may or may not have put on the disk.
    private var unsynced: [Int: Versions<[UInt8]>] = [:]
    private var unsyncedByteCount: Versions<Int>?
    /// How many names of the current directories lead here.
    var linkCount = 0

    /// The states that something unsynced went through: a device may have been given any of them. One earlier state is
    /// kept, each with the same probability (reservoir sampling).
    private struct Versions<Value: Sendable>: Sendable {
        private var count = 1
        private(set) var earlier: Value?

        mutating func supersede(_ current: @autoclosure () -> Value, _ generator: inout SeededGenerator) {
            if generator.isOne(in: count) { earlier = current() }
            count += 1
        }
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: Int, _ generator: inout SeededGenerator) {
        guard bytes.count > 0 else { return }
        let end = offset + bytes.count
        if end > written.byteCount { resize(to: end, &generator) }
        for index in BlockContent.blocks(of: offset..<end) { markUnsynced(index, &generator) }
        unsafe written.write(bytes, at: offset)
    }

    mutating func resize(to byteCount: Int, _ generator: inout SeededGenerator) {
        guard byteCount != written.byteCount else { return }
        if unsyncedByteCount == nil {
            unsyncedByteCount = Versions()
        } else {
            unsyncedByteCount?.supersede(written.byteCount, &generator)
        }
        let former = written.blockCount
        if byteCount < written.byteCount, byteCount % BlockContent.blockByteCount > 0 {
            // The end of the block that stays becomes zeros.
            markUnsynced(byteCount / BlockContent.blockByteCount, &generator)
        }
        written.resize(to: byteCount)
        for index in unsynced.keys where index >= written.blockCount { unsynced[index] = nil }
        guard former < written.blockCount else { return }
        // Zeros come where the disk still holds bytes from before a truncation.
        for index in former..<written.blockCount where !synced.block(index).isEmpty { markUnsynced(index, &generator) }
    }

    private mutating func markUnsynced(_ index: Int, _ generator: inout SeededGenerator) {
        if unsynced[index] == nil {
            unsynced[index] = Versions()
        } else {
            unsynced[index]?.supersede(written.block(index), &generator)
        }
    }

    mutating func sync() {
        synced.resize(to: written.byteCount)
        for index in unsynced.keys { synced.setBlock(index, to: written.block(index)) }
        unsynced = [:]
        unsyncedByteCount = nil
    }

    /// The length stays unsynced: file systems journal it apart from the pages.
    mutating func failSync(_ behavior: FailedSyncBehavior) {
        switch behavior {
        case .kept: return
        case .dropped: break
        case .reverted: for index in unsynced.keys { written.setBlock(index, to: synced.block(index)) }
        }
        unsynced = [:]
    }

    /// Forgets the pages that look clean: reads see what the disk holds.
    mutating func evictCleanPages() {
        for index in 0..<written.blockCount where unsynced[index] == nil && !written.isSame(as: synced, block: index) {
            written.setBlock(index, to: synced.block(index))
        }
    }

    /// What a disk could hold after the power went.
    func image(_ kind: CrashImageKind, _ generator: inout SeededGenerator, odds: CrashOdds) -> StoredFile {
        var content = synced
        switch kind {
        case .syncedOnly: break
        case .everything:
            content.resize(to: written.byteCount)
            for index in unsynced.keys { content.setBlock(index, to: written.block(index)) }
        case .random:
            if let unsyncedByteCount, odds.keeps(&generator) {
                let earlier = unsyncedByteCount.earlier
                content.resize(to: generator.isOne(in: 3) ? earlier ?? written.byteCount : written.byteCount)
            }
            for (index, versions) in unsynced.sorted(by: { $0.key < $1.key }) where odds.keeps(&generator) {
                let current = written.block(index)
                content.setBlock(index, to: generator.isOne(in: 3) ? versions.earlier ?? current : current)
            }
        }
        return StoredFile(synced: content)
    }
}

extension StoredFile {
    /// A file all of whose bytes are on the disk.
    init(synced content: BlockContent) {
        written = content
        synced = content
    }

    mutating func setSynced(_ content: BlockContent) {
        let links = linkCount
        self = StoredFile(synced: content)
        linkCount = links
    }

    /// Damage to the medium and to the page that caches it alike.
    mutating func flipBit(_ bit: Int) {
        written.flipBit(bit)
        synced.flipBit(bit)
    }
}
