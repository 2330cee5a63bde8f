import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// The scanner over segments put together frame by frame: what it visits, where it stops, and why.
@Suite struct SegmentScannerTests {
    static let seed = FrameSeed(log: LogIdentifier(high: 1, low: 2), segment: 3)

    /// A segment's bytes in the making; the header is left out, for the scanner does not read it.
    struct Builder {
        var bytes = [UInt8](repeating: 0xEE, count: SegmentHeader.byteCount)
        var count: UInt32 = 0
        /// Where each frame begins.
        var offsets: [Int] = []

        mutating func add(
            _ kind: RecordKind = .value, continues: Bool = false, promise: LogPosition? = nil, byteCount: Int = 20
        ) {
            count += 1
            var header = FrameHeader(kind: kind)
            let key = kind.hasKey ? Array("k\(count)".utf8) : []
            let payload = kind.hasKey ? [UInt8](repeating: UInt8(truncatingIfNeeded: count), count: byteCount) : []
            header.level = kind.hasKey ? 1 : 0
            if continues { header.flags.insert(.batchContinues) }
            header.storedByteCount = payload.count
            header.contentByteCount = payload.count
            header.payloadCRC = Checksum.mask(Checksum.of(payload))
            header.contentCRC = header.payloadCRC
            header.sequenceNumber = SequenceNumber(epoch: 1, count: count)
            header.appendNumber = header.sequenceNumber
            header.promise = promise
            header.keyByteCount = key.count
            var frame = [UInt8](repeating: 0, count: FrameHeader.byteCount) + key
            unsafe frame.withUnsafeMutableBytes { buffer in
                unsafe header.write(to: buffer)
                let crc = unsafe SegmentScannerTests.seed.checksum(of: UnsafeRawBufferPointer(buffer), at: bytes.count)
                buffer.set(crc, at: 0)
            }
            offsets.append(bytes.count)
            bytes += frame + payload
            bytes.pad(toMultipleOf: 8)
        }
    }

    static func scan(
        _ bytes: [UInt8], end: Int? = nil, checksPayload: Bool = true
    ) throws -> (visited: [Int], end: SegmentScanner.End) {
        let disk = SimulatedFileSystem()
        disk.setContents(bytes, of: "/segment")
        let file = try disk.openFile("/segment", .read)
        var visited: [Int] = []
        var scanner = SegmentScanner(file, seed: seed, end: end ?? bytes.count, checksPayload: checksPayload)
        let scanEnd = try scanner.scan { visited.append($0.offset) }
        return (visited, scanEnd)
    }

    @Test(arguments: [0, 8, 64, 4_096]) func zerosAreTheEnd(zeros: Int) throws {
        var log = Builder()
        log.add()
        log.add(.promise)
        log.add()
        let (visited, end) = try Self.scan(log.bytes + [UInt8](repeating: 0, count: zeros))
        #expect(visited == log.offsets)
        #expect(end.offset == log.bytes.count && end.cause == .empty)
    }

    @Test func anythingButZerosIsAFault() throws {
        var log = Builder()
        log.add()
        for place in [0, 7, 64, 500] {
            var tail = [UInt8](repeating: 0, count: 512)
            tail[place] = 1
            let (visited, end) = try Self.scan(log.bytes + tail)
            #expect(visited == log.offsets)
            #expect(end.offset == log.bytes.count && end.cause == .fault(.headerChecksum, at: log.bytes.count))
        }
    }

    @Test func aRollFrameEndsTheScan() throws {
        var log = Builder()
        log.add()
        log.add(.roll)
        let end = log.bytes.count
        log.add()
        let (visited, found) = try Self.scan(log.bytes)
        #expect(visited == Array(log.offsets.prefix(2)))
        #expect(found.offset == end && found.cause == .rolled)
    }

    @Test func aBatchWithoutItsEndIsNotVisited() throws {
        var log = Builder()
        log.add()
        let start = log.bytes.count
        log.add(continues: true)
        log.add(continues: true)
        let end = try Self.scan(log.bytes).end
        #expect(end.offset == start && end.cause == .openBatch)
        #expect(try Self.scan(log.bytes).visited == [log.offsets[0]])
        log.add()
        #expect(try Self.scan(log.bytes).visited == log.offsets)
    }

    /// The whole batch goes with its last frame.
    @Test func aBatchCutAnywhereIsNotVisited() throws {
        var log = Builder()
        log.add()
        let start = log.bytes.count
        log.add(continues: true)
        log.add(continues: true)
        log.add()
        for count in start..<log.bytes.count {
            let (visited, end) = try Self.scan(Array(log.bytes.prefix(count)))
            #expect(visited == [log.offsets[0]] && end.offset == start, "\(count)")
        }
    }

    @Test func nothingBehindTheStopIsRead() throws {
        var log = Builder()
        log.add()
        log.add()
        log.add()
        let (visited, end) = try Self.scan(log.bytes, end: log.offsets[2])
        #expect(visited == Array(log.offsets.prefix(2)))
        #expect(end.offset == log.offsets[2] && end.cause == .empty)
        // In the middle of a frame: that one is not there yet.
        #expect(try Self.scan(log.bytes, end: log.offsets[2] + 70).visited == Array(log.offsets.prefix(2)))
    }

    @Test func aFrameOfAnotherSegmentIsAFault() throws {
        var log = Builder()
        log.add()
        log.add()
        let frame = Array(log.bytes[log.offsets[0]..<log.offsets[1]])
        let (visited, end) = try Self.scan(log.bytes + frame)
        #expect(visited == log.offsets)
        #expect(end.cause == .fault(.headerChecksum, at: log.bytes.count))
    }

    @Test func promisesAreFoundBehindDamage() throws {
        var log = Builder()
        log.add(promise: LogPosition(segment: 3, offset: 128))
        log.add(promise: LogPosition(segment: 3, offset: 512))
        log.add(promise: LogPosition(segment: 3, offset: 256))
        log.bytes[log.offsets[1] - 30] ^= 1
        let disk = SimulatedFileSystem()
        disk.setContents(log.bytes + [UInt8](repeating: 0, count: 800), of: "/segment")
        var scanner = SegmentScanner(
            try disk.openFile("/segment", .read), seed: Self.seed, end: log.bytes.count + 800)
        #expect(try scanner.scan { _ in }.offset == SegmentHeader.byteCount)
        #expect(try scanner.stragglers(from: SegmentHeader.byteCount).promise == LogPosition(segment: 3, offset: 512))
        #expect(try scanner.stragglers(from: log.offsets[2]).promise == LogPosition(segment: 3, offset: 256))
        #expect(try scanner.stragglers(from: log.bytes.count).promise == nil)
    }

    /// A frame without key and content is nothing but a header, and may be the last thing in a file.
    @Test func aPromiseIsFoundInTheLastBytes() throws {
        var log = Builder()
        log.add()
        log.add(.promise, promise: LogPosition(segment: 3, offset: 128))
        let disk = SimulatedFileSystem()
        disk.setContents(log.bytes, of: "/segment")
        var scanner = SegmentScanner(try disk.openFile("/segment", .read), seed: Self.seed, end: log.bytes.count)
        #expect(log.bytes.count == log.offsets[1] + FrameHeader.byteCount)
        #expect(try scanner.stragglers(from: log.offsets[1]).promise == LogPosition(segment: 3, offset: 128))
        #expect(try scanner.stragglers(from: log.offsets[1] + 8).promise == nil)
    }

    /// More than the scanner holds in memory at once, so that frames lie across its window.
    @Test func longSegmentsAreReadInPieces() throws {
        var log = Builder()
        for index in 0..<12 { log.add(continues: index % 5 == 3, byteCount: 900_000 + index) }
        let (visited, end) = try Self.scan(log.bytes)
        #expect(visited == log.offsets)
        #expect(end.offset == log.bytes.count && end.cause == .empty)
    }

    /// Small and large ones in turn, so that payloads are passed by and read along with others.
    @Test func aListOfFramesNeedsNoPayload() throws {
        var log = Builder()
        for index in 0..<59 {
            log.add(continues: index % 7 == 3, byteCount: [20, 8_000, 9_000, 300_000, 700, 900_001][index % 6])
        }
        let list = try Self.scan(log.bytes, checksPayload: false)
        #expect(list.visited == log.offsets)
        #expect(list.end.offset == log.bytes.count && list.end.cause == .empty)
        // A payload that nobody reads.
        let large = log.offsets[3] + 100_000
        log.bytes[large] ^= 1
        #expect(try Self.scan(log.bytes, checksPayload: false).visited == log.offsets)
        #expect(try Self.scan(log.bytes).end.offset == log.offsets[3])
    }

    /// The file has to have what is passed by.
    @Test(arguments: [20, 8_000, 300_000]) func aListOfFramesEndsBeforeACutOne(byteCount: Int) throws {
        var log = Builder()
        log.add(byteCount: 300_000)
        log.add(byteCount: byteCount)
        for cut in [1, 16] {
            let (visited, end) = try Self.scan(
                Array(log.bytes.dropLast(cut)), end: log.bytes.count, checksPayload: false)
            #expect(visited == [log.offsets[0]])
            #expect(end.offset == log.offsets[1] && end.cause == .fault(.truncated, at: log.offsets[1]))
        }
    }
}
