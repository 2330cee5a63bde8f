import SystemPackage

/// Reads the frames of a segment in order. It only reports what it finds; recovery changes the files.
package struct SegmentScanner {
    private static let windowByteCount = 4 << 20
    /// How much is read after a payload that was skipped: a header, and what precedes the next payload.
    private static let leastWindowByteCount = 8 << 10
    private static let zeroRun = 4 << 10

    /// Where and why a scan stopped.
    package struct End: Sendable, Equatable {
        /// The end of the last complete frame or batch.
        package var offset: Int
        package var cause: Cause
    }

    package enum Cause: Sendable, Equatable {
        /// After a roll frame, which ends at `offset`: the log goes on in the next segment.
        case rolled
        /// Only zeros, or nothing, up to the end of the file or of the part to be read.
        case empty
        /// A batch without its last frame.
        case openBatch
        /// Bytes at this offset that are not a frame.
        case fault(FrameFault, at: Int)
    }

    private let file: any OpenFile
    private let seed: FrameSeed
    private let end: Int
    private let checksPayload: Bool
    private var window: [UInt8] = []
    private var windowStart = 0
    private var nextWindowByteCount = Self.windowByteCount
    /// Bytes of the file, after somebody has asked for it.
    private var fileByteCount: Int?

    /// - Parameters:
    ///   - end: where to stop, in bytes. Nothing at or after it is read, nor anything that no position can state.
    ///   - checksPayload: whether to read and check payloads. Otherwise long ones are skipped, and the frame that is
    ///     visited has only what precedes its payload.
    package init(_ file: any OpenFile, seed: FrameSeed, end: Int, checksPayload: Bool = true) {
        self.file = file
        self.seed = seed
        self.end = min(end, LogPosition.offsetLimit - 8)
        self.checksPayload = checksPayload
    }

    /// Visits every frame of every complete batch from `start` on.
    package mutating func scan(
        from start: Int = SegmentHeader.byteCount, visit: (FrameView) throws -> Void
    ) throws -> End {
        func visited(_ frame: FrameView) throws -> Int {
            do {
                try visit(frame)
            } catch let fault as FrameFault {
                throw CheckpointLogError.damaged(
                    "A frame does not hold what its kind says: \(fault.rawValue).", path: path, offset: frame.offset)
            }
            return frame.header.frameByteCount
        }
        let path = file.path.string
        var offset = start
        while true {
            offset = try visitWhole(from: offset, visited)
            var cursor = offset
            var kind = RecordKind.promise
            var isBatch = false
            // A second pass visits the frames of a batch, after its end was found.
            while true {
                let step = try withFrame(at: cursor) { frame in
                    let goesOn = frame.header.flags.contains(.batchContinues)
                    if !goesOn, !isBatch { _ = try visited(frame) }
                    return (frame.header.frameByteCount, goesOn, frame.header.kind)
                }
                switch step {
                case .success(let (byteCount, goesOn, found)):
                    cursor += byteCount
                    kind = found
                    if goesOn {
                        isBatch = true
                        continue
                    }
                case .failure(let fault):
                    if fault == nil { return End(offset: offset, cause: isBatch ? .openBatch : .empty) }
                    return End(offset: offset, cause: .fault(fault ?? .truncated, at: cursor))
                }
                break
            }
            while isBatch, offset < cursor {
                guard case .success(let byteCount) = try withFrame(at: offset, visited) else {
                    return End(offset: offset, cause: .fault(.payloadChecksum, at: offset))
                }
                offset += byteCount
            }
            offset = cursor
            if kind == .roll { return End(offset: offset, cause: .rolled) }
        }
    }

    /// Visits frames from `start` on, as long as the window has them completely.
    ///
    /// For each frame by itself the window would be held and released, which takes longer than a small frame.
    ///
    /// - Returns: where to go on: at the end of the window, a batch, a roll, or what is no frame.
    private func visitWhole(from start: Int, _ visited: (FrameView) throws -> Int) throws -> Int {
        guard start >= windowStart else { return start }
        let (seed, windowStart, checksPayload) = (seed, windowStart, checksPayload)
        return unsafe try window.withUnsafeBytes { bytes in
            var offset = start
            while offset - windowStart < bytes.count {
                let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[(offset - windowStart)...])
                guard let header = try? unsafe FrameDecoder.header(in: rest, at: offset, seed: seed),
                    !header.flags.contains(.batchContinues), header.kind != .roll, header.frameByteCount <= rest.count
                else { break }
                if checksPayload {
                    guard (try? unsafe FrameDecoder.checkPayload(of: header, in: rest)) != nil else { break }
                }
                let frame = unsafe UnsafeRawBufferPointer(rebasing: rest[..<header.frameByteCount])
                offset += try unsafe visited(FrameView(header: header, offset: offset, bytes: frame))
            }
            return offset
        }
    }

    /// What the headers of frames after the end of a log tell.
    package struct Stragglers: Sendable {
        /// The greatest promise of any.
        package var promise: LogPosition?
        /// The greatest append number; nil if there is no frame.
        package var lastNumber: SequenceNumber?

        package mutating func formUnion(_ others: Stragglers) {
            if let other = others.promise { promise = max(promise ?? other, other) }
            if let other = others.lastNumber { lastNumber = max(lastNumber ?? other, other) }
        }
    }

    /// What all frames from `start` on tell, also those after bytes that are no frame.
    ///
    /// - Complexity: O(n) in the bytes; every multiple of 8 that is not zero is tried as the beginning of a header.
    package mutating func stragglers(from start: Int) throws -> Stragglers {
        var found = Stragglers()
        var offset = start
        while offset + FrameHeader.byteCount <= end {
            try load(from: offset, byteCount: FrameHeader.byteCount)
            let stop = windowStart + window.count - FrameHeader.byteCount
            guard stop >= offset else { break }
            unsafe window.withUnsafeBytes { bytes in
                while offset <= stop {
                    let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[(offset - windowStart)...])
                    if rest.integer(UInt64.self, at: 0) != 0,
                        let header = try? unsafe FrameDecoder.header(in: rest, at: offset, seed: seed)
                    {
                        found.formUnion(Stragglers(promise: header.promise, lastNumber: header.appendNumber))
                    }
                    offset += 8
                    // Reserved space that was never used is zero, for megabytes.
                    while offset + Self.zeroRun <= stop,
                        bytes.isZero(in: offset - windowStart..<offset - windowStart + Self.zeroRun)
                    {
                        offset += Self.zeroRun
                    }
                }
            }
        }
        return found
    }

    /// Whether all bytes from `start` to the end are zero.
    package mutating func isZero(from start: Int) throws -> Bool {
        var offset = start
        while offset < end {
            try load(from: offset, byteCount: 1)
            guard windowStart + window.count > offset else { return true }
            let zero = unsafe window.withUnsafeBytes { $0.isZero(in: offset - windowStart..<window.count) }
            if !zero { return false }
            offset = windowStart + window.count
        }
        return true
    }

    private enum Step<Value> {
        case success(Value)
        /// Nil means the end: zeros, or no more bytes.
        case failure(FrameFault?)
    }

    private mutating func withFrame<Value>(at offset: Int, _ body: (FrameView) throws -> Value) throws -> Step<Value> {
        let longest = FrameDecoder.prefixByteLimit
        try load(from: offset, byteCount: min(longest, max(end - offset, 0)))
        let available = windowStart + window.count - offset
        if available <= 0 { return .failure(nil) }
        let start = offset - windowStart
        let seed = seed
        let parsed: Result<FrameHeader, FrameFault> = unsafe window.withUnsafeBytes { bytes in
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[start...])
            return Result { () throws(FrameFault) in unsafe try FrameDecoder.header(in: rest, at: offset, seed: seed) }
        }
        let header: FrameHeader
        switch parsed {
        case .success(let parsed):
            header = parsed
        case .failure(let error):
            let head = min(available, FrameHeader.byteCount)
            let isEmpty = unsafe window.withUnsafeBytes { $0.isZero(in: start..<start + head) }
            if isEmpty, try isZero(from: offset) { return .failure(nil) }
            return .failure(error)
        }
        let isChecked = checksPayload
        var byteCount = header.frameByteCount
        if !isChecked, byteCount > Self.leastWindowByteCount, !header.kind.namesValue {
            guard try offset + byteCount <= min(end, fileEnd()) else { return .failure(.truncated) }
            byteCount = header.prefixByteCount
        }
        try load(from: offset, byteCount: byteCount)
        return unsafe try window.withUnsafeBytes { [start = offset - windowStart, byteCount] bytes in
            guard bytes.count - start >= byteCount else { return .failure(.truncated) }
            let frame = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<start + byteCount])
            if isChecked {
                do throws(FrameFault) {
                    unsafe try FrameDecoder.checkPayload(of: header, in: frame)
                } catch {
                    return .failure(error)
                }
            }
            return unsafe .success(try body(FrameView(header: header, offset: offset, bytes: frame)))
        }
    }

    /// Makes the window contain `byteCount` bytes from `offset` on, or all that exist.
    @inline(__always)
    private mutating func load(from offset: Int, byteCount: Int) throws {
        let wanted = min(offset + byteCount, end)
        if offset >= windowStart, wanted <= windowStart + window.count { return }
        try fill(from: offset, byteCount: byteCount)
    }

    private mutating func fileEnd() throws -> Int {
        if let fileByteCount { return fileByteCount }
        let count = try wrapping { () throws(FileSystemError) in try file.byteCount() }
        fileByteCount = count
        return count
    }

    private mutating func fill(from offset: Int, byteCount: Int) throws {
        // After a payload that was skipped, the next one may be skipped too. Otherwise the file is read in larger and
        // larger pieces.
        let isNext = window.isEmpty || offset <= windowStart + window.count
        nextWindowByteCount = isNext ? min(4 * nextWindowByteCount, Self.windowByteCount) : Self.leastWindowByteCount
        let count = max(0, min(max(nextWindowByteCount, byteCount), end - offset))
        if window.count != count { window = [UInt8](repeating: 0, count: count) }
        windowStart = offset
        let file = file
        let read = try unsafe window.withUnsafeMutableBytes { buffer in
            try wrapping { () throws(FileSystemError) in unsafe try file.read(into: buffer, at: offset) }
        }
        if read < count { window.removeLast(count - read) }
    }
}
