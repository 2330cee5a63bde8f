import SystemPackage

/// Writes the bytes of one value segment: chunks are compressed and checksummed on several threads, put after one
/// another in order, and written in aligned blocks past the page cache, so that processors and device work at the same
/// time.
///
/// The bytes are the same whatever the number of threads. Nothing is synced here; a value that is not going to be
/// synced soon goes to the page cache, for it may be dead before the disk needs to have it.
@safe final class ValueSegmentWriter: Sendable {
    /// Bytes of a write. Larger ones win nothing on the disks measured.
    private static let blockByteCount = 1 << 20
    /// What memory, offset and length of a write past the page cache are multiples of.
    private static let alignment = 4_096
    /// From so many bytes on, space in the page cache is allocated before: to find blocks for each page takes longer.
    private static let reservedByteCount = 4 << 20

    /// A block that is not full yet.
    private struct Block {
        var memory: LentRoom
        var filledByteCount = 0
    }

    private struct State {
        /// The chunk whose place is found next.
        var next = 0
        /// The end of what has its place.
        var offset = 0
        var entries: [SegmentFooter.Entry?] = []
        var blocks: [Int: Block] = [:]
        var free: [LentRoom] = []
        var failure: (any Error)?
    }

    private let file: any OpenFile
    private let content: BytePieces
    private let draft: FrameHeader
    private let key: LentBytes
    private let seed: FrameSeed
    private let compression: CompressionMethod
    private let isCached: Bool
    private let state = Lock(State())
    private let isDirect = Lock(false)
    /// Whether the file may be longer than what is written.
    private let isReserved = Lock(false)

    init(
        _ file: any OpenFile, _ content: BytePieces, draft: FrameHeader, key: UnsafeRawBufferPointer,
        seed: FrameSeed, compression: CompressionMethod, isCached: Bool
    ) {
        self.isCached = isCached
        self.file = file
        self.content = content
        self.draft = draft
        self.key = unsafe LentBytes(key)
        self.seed = seed
        self.compression = compression
    }

    deinit {
        state.withLock { state in
            for room in state.free + state.blocks.values.map(\.memory) { unsafe room.bytes.deallocate() }
        }
    }

    private var chunkCount: Int {
        max(1, (content.count + ValueSegment.chunkByteCount - 1) / ValueSegment.chunkByteCount)
    }

    /// Writes everything; gives the trailer, the number of chunks, and the file's length.
    func run(
        _ header: SegmentHeader, _ segment: SegmentNumber, laneCount: Int
    ) throws(FileSystemError) -> (trailer: SegmentTrailer, chunkCount: Int, byteCount: Int) {
        do {
            try prepare(laneCount: laneCount)
            state.withLock { $0.entries = Array(repeating: nil, count: chunkCount) }
            try append(header.bytes)
            try Lanes.forEach(below: chunkCount, laneCount: laneCount) { [self] index in
                do {
                    try writeChunk(index)
                } catch {
                    // Those that wait for this chunk's place wait no more.
                    state.withLock { $0.failure = $0.failure ?? error }
                    state.wakeAll()
                    throw error
                }
            }
            var footer = SegmentFooter()
            let (entries, offset) = state.withLock { ($0.entries, $0.offset) }
            footer.entries = entries.compactMap { $0 }
            let bytes = footer.bytes
            let trailer = SegmentTrailer(
                segment: segment, footerOffset: offset, footer: bytes, entryCount: footer.entries.count)
            try append(bytes + trailer.bytes)
            try writeRest()
            return (trailer, footer.entries.count, state.withLock { $0.offset })
        } catch let error as FileSystemError {
            throw error
        } catch {
            throw FileSystemError(.write, file.path, .ioError)
        }
    }

    /// Passes the page cache by where that pays and can be, and allocates the space in one piece.
    private func prepare(laneCount: Int) throws(FileSystemError) {
        if isCached {
            // Before a shorter value is on the disk, it is mostly dead.
            guard content.count >= Self.reservedByteCount else { return }
        } else {
            guard laneCount > 1, file.setDirect(true) else { return }
            isDirect.withLock { $0 = true }
        }
        let perChunk = unsafe 2 * (FrameHeader.byteCount + key.bytes.count) + 64
        let bound = content.count + (chunkCount + 1) * perChunk + 2 * Self.alignment
        do throws(FileSystemError) {
            if try file.reserve(byteCount: bound) { isReserved.withLock { $0 = true } }
        } catch  where error.isDiskFull {
            // Compressed it may fit; if not, a write says so.
        }
    }

    private func writeChunk(_ index: Int) throws {
        let start = index * ValueSegment.chunkByteCount
        let end = min(content.count, start + ValueSegment.chunkByteCount)
        try FrameEncoder.withPayload(content[start..<end], compression, draft) { try put($0, $1, index) }
    }

    /// Finds the frame's place, after the chunk before it, and copies it there.
    private func put(_ header: FrameHeader, _ stored: BytePieces, _ index: Int) throws {
        var header = header
        let byteCount = header.frameByteCount
        let place = try state.wait { state throws -> Int? in
            if let failure = state.failure { throw failure }
            guard state.next == index else { return nil }
            state.next += 1
            defer { state.offset += byteCount }
            return state.offset
        }
        state.wakeAll()
        let prefixByteCount = header.prefixByteCount
        var prefix = [UInt8](repeating: 0, count: prefixByteCount)
        unsafe prefix.withUnsafeMutableBytes { prefix in
            unsafe FrameEncoder.writePrefix(&header, key: key.bytes, origin: .empty, to: prefix, at: place, seed)
        }
        let entry = unsafe SegmentFooter.Entry(header, offset: place, key: Array(key.bytes), origin: [])
        state.withLock { $0.entries[index] = entry }
        let padding = [UInt8](repeating: 0, count: byteCount - prefixByteCount - stored.count)
        unsafe try prefix.withUnsafeBytes { prefix in
            unsafe try padding.withUnsafeBytes { padding in
                var frame = unsafe BytePieces(prefix)
                frame.append(stored)
                unsafe frame.append(padding)
                // Copied once, to where it stays: blocks in between would cost as much as the write.
                if isCached { try file.write(frame, at: place) } else { try copy(frame, to: place) }
            }
        }
    }

    private func copy(_ bytes: BytePieces, to offset: Int) throws {
        var place = offset
        for piece in bytes.pieces {
            unsafe try copy(piece.bytes, to: place)
            unsafe place += piece.bytes.count
        }
    }

    private func append(_ bytes: [UInt8]) throws {
        let place = state.withLock { state in
            defer { state.offset += bytes.count }
            return state.offset
        }
        unsafe try bytes.withUnsafeBytes { bytes in
            if isCached { unsafe try file.write(bytes, at: place) } else { unsafe try copy(bytes, to: place) }
        }
    }

    /// Copies bytes into the blocks that hold their place, and writes those that are full by that.
    private func copy(_ bytes: UnsafeRawBufferPointer, to offset: Int) throws {
        var done = 0
        while done < bytes.count {
            let index = (offset + done) / Self.blockByteCount
            let inside = (offset + done) % Self.blockByteCount
            let count = min(bytes.count - done, Self.blockByteCount - inside)
            let memory = state.withLock { $0.blocks[index]?.memory ?? Self.addBlock(index, &$0) }
            unsafe UnsafeMutableRawBufferPointer(rebasing: memory.bytes[inside...])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[done..<done + count]))
            let isFull = state.withLock { state in
                let filled = (state.blocks[index]?.filledByteCount ?? 0) + count
                state.blocks[index]?.filledByteCount = filled
                if filled == Self.blockByteCount { state.blocks[index] = nil }
                return filled == Self.blockByteCount
            }
            if isFull {
                defer { state.withLock { $0.free.append(memory) } }
                unsafe try write(UnsafeRawBufferPointer(memory.bytes), at: index * Self.blockByteCount)
            }
            done += count
        }
    }

    private static func addBlock(_ index: Int, _ state: inout State) -> LentRoom {
        let memory =
            unsafe state.free.popLast()
            ?? LentRoom(.allocate(byteCount: blockByteCount, alignment: alignment))
        state.blocks[index] = Block(memory: memory)
        return memory
    }

    /// Writes the last block, which is not full, and cuts the file to its length.
    private func writeRest() throws {
        let (blocks, end) = state.withLock { ($0.blocks, $0.offset) }
        let isDirect = isDirect.withLock { $0 }
        for (index, block) in blocks {
            let filled = block.filledByteCount
            let written = isDirect ? (filled + Self.alignment - 1) / Self.alignment * Self.alignment : filled
            for place in filled..<written { unsafe block.memory.bytes[place] = 0 }
            unsafe try write(
                UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(block.memory.bytes)[..<written]),
                at: index * Self.blockByteCount)
        }
        if isDirect || isReserved.withLock({ $0 }) { try file.truncate(toByteCount: end) }
    }

    private func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileSystemError) {
        do throws(FileSystemError) {
            unsafe try file.write(bytes, at: offset)
        } catch  where error.code == .invalidArgument && isDirect.withLock({ $0 }) {
            // A file system that takes the setting and refuses the write.
            _ = file.setDirect(false)
            unsafe try file.write(bytes, at: offset)
        }
    }
}

extension ValueSegment {
    /// Writes `content` into a new value segment, and syncs it or leaves that to `unsynced`.
    ///
    /// - Throws: `FileSystemError`. What was written is removed again, or is an orphan that the next opening removes.
    package static func write(
        _ content: BytePieces, identity: LogIdentity, segment: SegmentNumber, epoch: UInt32, level: UInt8,
        key: UnsafeRawBufferPointer, number: SequenceNumber, timestamp: Int64, compression: CompressionMethod,
        unsynced: UnsyncedValues?
    ) throws(FileSystemError) -> ValueReference {
        let name = SegmentName(segment, .value)
        let failedSyncCount = identity.directory.failedSyncCount
        let file = try identity.directory.openFile(name, .create)
        do throws(FileSystemError) {
            var draft = FrameHeader(kind: .chunk)
            draft.level = level
            draft.sequenceNumber = number
            draft.appendNumber = number
            draft.timestamp = timestamp
            draft.keyByteCount = key.count
            let header = SegmentHeader(
                role: .value, log: identity.identifier, segment: segment, epoch: epoch, previous: 0, created: timestamp,
                hashSecret: identity.hashSecret)
            let writer = unsafe ValueSegmentWriter(
                file, content, draft: draft, key: key, seed: identity.seed(of: segment), compression: compression,
                isCached: unsynced != nil)
            // Two threads that write to one file in the page cache wait for each other: what they win is compression.
            let isShort = unsynced != nil && content.count <= 4 * chunkByteCount
            var laneCount = isShort ? 1 : identity.laneCount
            // Past the page cache writes end together, and the device waits while as many threads make the next blocks:
            // with one more it has always something to do.
            if laneCount > 1, unsynced == nil { laneCount += 1 }
            let (trailer, chunkCount, byteCount) = try writer.run(header, segment, laneCount: laneCount)
            let reference = ValueReference(
                segment: segment, chunkCount: chunkCount, contentByteCount: content.count, fileByteCount: byteCount,
                footerCRC: trailer.footerCRC, chunkNumber: number)
            if let unsynced {
                unsynced.add(segment, file, failedSyncCount: failedSyncCount)
                return reference
            }
            try file.sync()
            file.close()
            try identity.directory.sync()
            return reference
        } catch {
            file.close()
            try? identity.directory.remove(name)
            throw error
        }
    }
}
