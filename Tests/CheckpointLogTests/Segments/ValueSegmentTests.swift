import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// Large values in files of their own: whole, or an error that names file and offset.
@Suite struct ValueSegmentTests {
    let disk = SimulatedFileSystem()
    let identity: LogIdentity

    init() throws {
        try disk.createDirectory("/log")
        identity = LogIdentity(
            fileSystem: disk, directory: try disk.openDirectory("/log"), identifier: LogIdentifier(high: 1, low: 2),
            hashSecret: HashSecret(first: 3, second: 4))
    }

    /// Half of each chunk compresses.
    static func value(_ byteCount: Int) -> [UInt8] { NumberedBytes.halfCompressible(count: byteCount) }

    func write(
        _ content: [UInt8], _ method: CompressionMethod, segment: SegmentNumber = 9, laneCount: Int = 1
    ) throws -> ValueReference {
        var identity = identity
        identity.laneCount = laneCount
        return unsafe try content.withUnsafeBytes { content in
            unsafe try Array("key".utf8).withUnsafeBytes { key in
                unsafe try ValueSegment.write(
                    BytePieces(content), identity: identity, segment: segment, epoch: 1, level: 1, key: key,
                    number: SequenceNumber(epoch: 1, count: 5), timestamp: 77, compression: method, unsynced: nil)
            }
        }
    }

    func code(_ reference: ValueReference) -> CheckpointLogError.Code? {
        do {
            _ = try ValueSegment.read(reference, identity: identity)
            return nil
        } catch {
            return (error as? CheckpointLogError)?.code
        }
    }

    static let lengths = [1, 4_096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20, (3 << 20) + 5]

    @Test(arguments: CompressionMethod.allCases) func everyLengthComesBack(method: CompressionMethod) throws {
        for (index, length) in Self.lengths.enumerated() {
            let value = Self.value(length)
            let reference = try write(value, method, segment: SegmentNumber(UInt32(index + 1)))
            #expect(reference.chunkCount == (length + (1 << 20) - 1) >> 20)
            #expect(reference.contentByteCount == length)
            #expect(NumberedBytes.areSame(try ValueSegment.read(reference, identity: identity), value))
            #expect(ValueReference(reference.bytes) == reference)
        }
    }

    /// The last chunk may be so short that it takes as many bytes compressed as it would otherwise.
    @Test func aChunkThatCompressesByAFewBytesComesBack() throws {
        let short = [1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 7] + (20..<30).map { UInt8($0) }
        var room = [UInt8](repeating: 0, count: short.count)
        let stored = unsafe short.withUnsafeBytes { source in
            unsafe room.withUnsafeMutableBytes { unsafe Compression.compress(source, into: $0, method: .lz4) }
        }
        for keyByteCount in 1...8
        where stored.map({ (48 + keyByteCount + $0 + 7) & ~7 }) == (48 + keyByteCount + 31) & ~7 {
            let key = [UInt8](repeating: 0x61, count: keyByteCount)
            let value = Self.value(1 << 20) + short
            let reference = unsafe try value.withUnsafeBytes { content in
                unsafe try key.withUnsafeBytes { key in
                    unsafe try ValueSegment.write(
                        BytePieces(content), identity: identity, segment: SegmentNumber(UInt32(keyByteCount)), epoch: 1,
                        level: 1,
                        key: key, number: SequenceNumber(epoch: 1, count: 5), timestamp: 77, compression: .lz4,
                        unsynced: nil)
                }
            }
            #expect(NumberedBytes.areSame(try ValueSegment.read(reference, identity: identity), value))
        }
        #expect(stored == 21)
    }

    /// Some file systems take the setting to pass the page cache by, and refuse the writes.
    @Test func aFileSystemThatRefusesDirectWritesGetsOthers() throws {
        // By several threads: one alone writes through the page cache.
        let value = Self.value(1_500_000)
        disk.passesCacheBy = true
        disk.fail(.write, where: { $0.string.hasSuffix(".val") }, with: .invalidArgument)
        let reference = try write(value, .none, laneCount: 2)
        #expect(NumberedBytes.areSame(try ValueSegment.read(reference, identity: identity), value))
    }

    /// All of it is durable on return, its name as well.
    @Test func aWrittenValueSurvivesPowerLoss() throws {
        let value = Self.value(1_500_000)
        try disk.syncDirectory("/")
        let reference = try write(value, .lz4)
        let image = disk.crashImage(.syncedOnly, boot: .another)
        var identity = identity
        identity.fileSystem = image
        identity.directory = try image.openDirectory("/log")
        #expect(try ValueSegment.read(reference, identity: identity) == value)
    }

    @Test func aReferenceToAnotherValueIsDamage() throws {
        let reference = try write(Self.value(2_500_000), .lz4)
        var wrong = [ValueReference](repeating: reference, count: 6)
        wrong[0].chunkCount = 2
        wrong[1].contentByteCount += 1
        wrong[2].contentByteCount -= 1
        wrong[3].fileByteCount += 8
        wrong[4].footerCRC ^= 1
        wrong[5].chunkNumber = SequenceNumber(epoch: 1, count: 6)
        for reference in wrong { #expect(code(reference) == .damaged, "\(reference)") }
        #expect(code(reference) == nil)
    }

    @Test func swappedChunksAreDamage() throws {
        let reference = try write([UInt8](repeating: 1, count: 3 << 20), .none)
        var bytes = try #require(disk.contents(of: "/log/00000009.val"))
        let chunk = FrameHeader.byteCount + 3 + (1 << 20) + 5
        let (first, second) = (SegmentHeader.byteCount, SegmentHeader.byteCount + chunk)
        #expect(bytes[first + 64..<first + 67].elementsEqual(bytes[second + 64..<second + 67]))
        let moved = Array(bytes[first..<first + chunk])
        bytes.replaceSubrange(first..<first + chunk, with: bytes[second..<second + chunk])
        bytes.replaceSubrange(second..<second + chunk, with: moved)
        disk.setContents(bytes, of: "/log/00000009.val")
        #expect(code(reference) == .damaged)
    }

    /// The number of threads changes nothing in the file, and a file that was read by one is read by several.
    @Test(arguments: [1, 2, 4]) func threadsWriteTheSameFile(laneCount: Int) throws {
        let directory = try TemporaryDirectory()
        var real = identity
        real.fileSystem = POSIXFileSystem.shared
        real.directory = try POSIXFileSystem.shared.openDirectory(directory.path)
        real.laneCount = laneCount
        for (index, length) in (Self.lengths + [(5 << 20) - 200, 9 << 20]).enumerated() {
            let value = Self.value(length)
            for (place, method) in CompressionMethod.allCases.enumerated() {
                let segment = SegmentNumber(UInt32(index * 3 + place + 1))
                let expected = try write(value, method, segment: segment)
                let reference = unsafe try value.withUnsafeBytes { content in
                    unsafe try Array("key".utf8).withUnsafeBytes { key in
                        unsafe try ValueSegment.write(
                            BytePieces(content), identity: real, segment: segment, epoch: 1, level: 1, key: key,
                            number: SequenceNumber(epoch: 1, count: 5), timestamp: 77, compression: method,
                            unsynced: nil)
                    }
                }
                #expect(reference == expected)
                let name = SegmentName(segment, .value)
                let file = try POSIXFileSystem.shared.openFile(real.path(name), .read)
                defer { file.close() }
                let bytes = try #require(try file.bytes(0..<reference.fileByteCount))
                #expect(try file.byteCount() == reference.fileByteCount)
                #expect(NumberedBytes.areSame(bytes, disk.contents(of: identity.path(name))))
                #expect(NumberedBytes.areSame(try ValueSegment.read(reference, identity: real), value))
            }
        }
    }

    /// In how many pieces of memory a value is changes nothing in the file, nor does whether it is synced.
    @Test(arguments: CompressionMethod.allCases) func piecesWriteTheSameFile(method: CompressionMethod) throws {
        var generator = SeededGenerator(seed: testSeed(91))
        for (index, length) in (Self.lengths + [9 << 20]).enumerated() {
            let value = Self.value(length)
            let reference = try write(value, method, segment: SegmentNumber(UInt32(index + 1)))
            let path = identity.path(SegmentName(reference.segment, .value))
            let expected = disk.contents(of: path)
            for laneCount in 1...3 {
                disk.removeFile(path)
                let cuts = (0..<laneCount * 3).map { _ in generator.number(below: length + 1) }.sorted()
                var other = identity
                other.laneCount = laneCount
                let same = unsafe try value.withUnsafeBytes { content in
                    unsafe try Array("key".utf8).withUnsafeBytes { key in
                        let pieces = unsafe zip([0] + cuts, cuts + [length]).map { start, end in
                            unsafe UnsafeRawBufferPointer(rebasing: content[start..<end])
                        }
                        return unsafe try ValueSegment.write(
                            BytePieces(pieces), identity: other, segment: reference.segment, epoch: 1, level: 1,
                            key: key, number: SequenceNumber(epoch: 1, count: 5), timestamp: 77, compression: method,
                            unsynced: laneCount == 3 ? UnsyncedValues { _ in false } : nil)
                    }
                }
                #expect(same == reference)
                #expect(NumberedBytes.areSame(disk.contents(of: path), expected), "\(length) bytes cut at \(cuts)")
            }
        }
    }

    /// What fails in one thread ends the others, and leaves no file.
    @Test(arguments: [1, 3]) func aDamagedChunkIsNamedByAnyThread(laneCount: Int) throws {
        var several = identity
        several.laneCount = laneCount
        let reference = try write(Self.value(6 << 20), .lz4)
        let path: FilePath = "/log/00000009.val"
        let sound = try #require(disk.contents(of: path))
        for place in stride(from: SegmentHeader.byteCount, to: sound.count, by: 797_111) {
            var bytes = sound
            bytes[place] ^= 4
            disk.setContents(bytes, of: path)
            #expect(throws: CheckpointLogError.self, "byte \(place)") {
                _ = try ValueSegment.read(reference, identity: several)
            }
        }
    }

    /// Without its first bytes a value is read to where it stays; what is left out is checked all the same.
    @Test(arguments: CompressionMethod.allCases) func aValueIsReadFromAnyOffset(method: CompressionMethod) throws {
        for length in [1, 4_096, (1 << 20) + 1, (3 << 20) + 5] {
            let value = Self.value(length)
            let reader = try LargeValueReader(
                try write(value, method, segment: SegmentNumber(UInt32(length))), identity: identity, byteLimit: length)
            defer { reader.close() }
            #expect(try reader.bytes() == value)
            #expect(try reader.beginning(limit: 18) == Array(value.prefix(18)))
            for start in [0, 1, 11, 4_095, 1 << 20, (1 << 20) + 1, (2 << 20) + 77, length] where start <= length {
                var rest = [UInt8](repeating: 0xAA, count: length - start)
                unsafe try rest.withUnsafeMutableBytes { unsafe try reader.read(from: start, into: $0) }
                #expect(rest == Array(value[start...]), "from \(start) of \(length)")
            }
        }
        let reference = try write(Self.value(3 << 20), method)
        let path: FilePath = "/log/00000009.val"
        var bytes = try #require(disk.contents(of: path))
        bytes[SegmentHeader.byteCount + 200] ^= 1
        disk.setContents(bytes, of: path)
        let reader = try LargeValueReader(reference, identity: identity, byteLimit: 3 << 20)
        defer { reader.close() }
        var rest = [UInt8](repeating: 0, count: 1 << 20)
        #expect(throws: CheckpointLogError.self) {
            unsafe try rest.withUnsafeMutableBytes { unsafe try reader.read(from: 2 << 20, into: $0) }
        }
    }
}
