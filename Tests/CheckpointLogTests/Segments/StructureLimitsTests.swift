import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// The limits of footers and manifests, field by field: what writers refuse is what readers refuse, and the rest comes
/// back.
@Suite struct StructureLimitsTests {
    // MARK: Footer

    /// A field of a frame that its footer states as well, and what each makes of it.
    struct FrameField: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// The greatest value, or the only ones.
        var within: [Int]
        var outside: [Int]
        var kind = RecordKind.value
        var set: @Sendable (inout FrameHeader, Int) -> Void
    }

    static let frameFields = [
        FrameField(testDescription: "key", within: [1, 1_024], outside: [0, 1_025, 65_535]) { $0.keyByteCount = $1 },
        FrameField(testDescription: "origin", within: [0, 1_024], outside: [1_025, 65_535]) { $0.originByteCount = $1 },
        FrameField(testDescription: "content", within: [0, 2 << 20], outside: [2 << 20 + 1, 0xFF_FFFF]) {
            $0.contentByteCount = $1
        },
        FrameField(testDescription: "level", within: [1, 255], outside: [0]) { $0.level = UInt8($1) },
        FrameField(testDescription: "level of a removal of all", within: [0, 255], outside: [], kind: .removalOfAll) {
            $0.keyByteCount = 0
            $0.level = UInt8($1)
        },
        FrameField(testDescription: "key of a promise", within: [0], outside: [1], kind: .promise) {
            $0.keyByteCount = $1
            $0.level = 0
        },
        FrameField(testDescription: "origin of a promise", within: [0], outside: [1], kind: .promise) {
            $0.keyByteCount = 0
            $0.originByteCount = $1
            $0.level = 0
        },
    ]

    @Test(arguments: frameFields) func aFooterTakesWhatItsFrameMayState(field: FrameField) throws {
        for (values, isReadable) in [(field.within, true), (field.outside, false)] {
            for value in values {
                var header = FrameHeader(kind: field.kind)
                header.level = 1
                header.keyByteCount = 3
                header.sequenceNumber = SequenceNumber(epoch: 1, count: 1)
                header.appendNumber = header.sequenceNumber
                field.set(&header, value)
                // The length that a compressed frame may have, whatever it holds.
                header.storedByteCount = min(header.contentByteCount, 64)
                header.compression = .lz4
                if isReadable {
                    try header.requireReadable()
                } else {
                    let error = #expect(throws: CheckpointLogError.self, "\(value)") { try header.requireReadable() }
                    #expect(error?.code == .invalidArgument)
                }
                #expect(Self.isFrame(header) == isReadable, "the frame with \(value)")
                var footer = SegmentFooter()
                footer.entries = [
                    SegmentFooter.Entry(
                        header, offset: SegmentHeader.byteCount, key: [UInt8](repeating: 7, count: header.keyByteCount),
                        origin: [UInt8](repeating: 8, count: header.originByteCount))
                ]
                let read = SegmentFooter(footer.bytes, count: 1)
                #expect(read == (isReadable ? footer : nil), "the footer with \(value)")
                // What a manifest believes of the length of a footer.
                if isReadable { #expect(footer.bytes.count <= header.frameByteCount, "\(value)") }
            }
        }
    }

    /// Whether a reader takes the frame's header, whose checksum is right.
    private static func isFrame(_ header: FrameHeader) -> Bool {
        let seed = FrameSeed(log: LogIdentifier(high: 1, low: 2), segment: 1)
        var bytes = [UInt8](repeating: 9, count: header.prefixByteCount)
        return unsafe bytes.withUnsafeMutableBytes { bytes in
            unsafe header.write(to: bytes)
            bytes.set(unsafe seed.checksum(of: UnsafeRawBufferPointer(bytes), at: 128), at: 0)
            return unsafe (try? FrameDecoder.header(in: UnsafeRawBufferPointer(bytes), at: 128, seed: seed)) != nil
        }
    }

    // MARK: Manifest

    /// A field of the manifest, and the call that makes it greater.
    struct ManifestField: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// At the last value from which the call goes well.
        var last: @Sendable (inout Manifest) -> Void
        var call: @Sendable (ManifestFile) throws -> Void
    }

    static let segment = SegmentBytesTests.manifest(1).segments[0]

    static let manifestFields = [
        ManifestField(
            testDescription: "generation", last: { $0.generation = .max - 2 }, call: { try $0.edit { _ in } }),
        ManifestField(
            testDescription: "epoch", last: { $0.nextEpoch = SequenceNumber.epochLimit - 1 },
            call: { _ = try $0.reserveEpoch(policies: [:]) { _ in 1 } }),
        ManifestField(
            testDescription: "segment", last: { $0.nextSegment = SegmentNumber(.max - 1) },
            call: { _ = try $0.reserveSegmentNumber() }),
        ManifestField(
            testDescription: "list of segments",
            last: { manifest in
                manifest.segments = (2...UInt32(Manifest.entryLimit)).map { number in
                    var segment = segment
                    segment.name.identifier = SegmentNumber(number)
                    return segment
                }
            },
            call: { file in
                try file.edit { manifest in
                    var segment = segment
                    segment.name.identifier = SegmentNumber(UInt32(manifest.segments.count + 2))
                    manifest.segments.append(segment)
                }
            }),
    ]

    /// At the limit it reads back; the call after that is refused, says what to do, and leaves the manifest that there
    /// is.
    @Test(arguments: manifestFields) func aManifestThatCouldNotBeReadIsNotWritten(field: ManifestField) throws {
        let disk = SimulatedFileSystem()
        let directory: FilePath = "/log"
        try disk.createDirectory(directory)
        var manifest = SegmentBytesTests.manifest(0)
        field.last(&manifest)
        let log = try disk.openDirectory(directory)
        guard case .acquired(let lock) = try log.lock(FileName.lock) else {
            Issue.record("the lock is free")
            return
        }
        let file = ManifestFile(manifest, in: log, lock: lock, firstSegment: manifest.nextSegment)
        func read() throws -> Manifest? {
            try Manifest(disk.contents(of: directory.appending("MANIFEST")) ?? [], path: "MANIFEST")
        }
        try field.call(file)
        let written = try #require(try read(), "a reader refuses what is at the limit")
        // Not told by #expect: it would describe a million segments.
        var isSame = written == file.current
        #expect(isSame)
        let error = #expect(throws: FileSystemError.self) { try field.call(file) }
        #expect(error.map { CheckpointLogError($0).message.contains("into a new log") } == true)
        isSame = try read() == written && file.current == written
        #expect(isSame)
    }
}
