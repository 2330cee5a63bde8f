import CheckpointLog
import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

/// The worked example of FORMAT.md: the bytes in the document are those that the engine writes, and read back as it
/// says.
@Suite struct WorkedExampleTests {
    static let document = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "FORMAT.md")

    /// The log of the example: one value `[1, 2]` of `[Int]` under the key `a` at level 1, and its removal.
    static func segment() throws -> (bytes: [UInt8], manifest: Manifest) {
        let disk = SimulatedFileSystem(seed: 1)
        var configuration = Configuration()
        configuration.fileSystem = disk
        configuration.runsInline = true
        configuration.compactsAutomatically = false
        configuration.segmentByteLimit = 64 << 10
        configuration.randomSeed = 1
        configuration.now = { 1_700_000_000_000_000 }
        let engine = try LogEngine.open(at: "/log", configuration)
        _ = try engine.append([0x82, 0x01, 0x02], engine.attributes(1), key: "a")
        _ = try engine.appendRemoval(of: "a", Level(validating: 1))
        try engine.close()
        let manifestBytes = try #require(disk.contents(of: "/log/MANIFEST"))
        let manifest = try #require(try Manifest(manifestBytes, path: ""))
        let name = try #require(manifest.segments.first?.name.fileName)
        return (try #require(disk.contents(of: FilePath("/log").appending(name))), manifest)
    }

    /// The bytes of the example's lines, `offset: bytes  meaning`.
    static func documented() throws -> [UInt8] {
        let text = try String(contentsOf: document, encoding: .utf8)
        let section = try #require(text.split(separator: "## A worked example").last)
        var bytes: [UInt8] = []
        for line in section.split(separator: "\n") {
            guard let match = line.firstMatch(of: /^    ([0-9a-f]{4})  ((?:[0-9a-f]{2} ?)+)/) else { continue }
            #expect(Int(match.1, radix: 16) == bytes.count, "the offset of \(line)")
            for byte in match.2.split(separator: " ") { bytes.append(try #require(UInt8(byte, radix: 16))) }
        }
        return bytes
    }

    @Test func theDocumentedBytesAreWhatTheEngineWrites() throws {
        let (written, _) = try Self.segment()
        let documented = try Self.documented()
        if documented != written { print(Self.dump(written)) }
        #expect(documented == written)
    }

    @Test func theDocumentedBytesReadAsTheDocumentSays() throws {
        let bytes = try Self.documented()
        let (_, manifest) = try Self.segment()
        let segment = try #require(manifest.segments.first)
        let header = try #require(try SegmentHeader(bytes, of: manifest.identifier, path: ""))
        #expect(header.segment == 1 && header.role == .log && header.epoch == 1)
        let trailer = try #require(SegmentTrailer(Array(bytes.suffix(64))))
        #expect(trailer.footerCRC == segment.footerCRC)
        let footer = try #require(
            SegmentFooter(Array(bytes[trailer.footerOffset..<bytes.count - 64]), count: trailer.entryCount))
        #expect(footer.entries.map(\.kind) == [.value, .removal])
        #expect(footer.entries.map(\.key) == [[0x61], [0x61]])
        let seed = FrameSeed(log: manifest.identifier, segment: 1)
        unsafe try bytes.withUnsafeBytes { bytes in
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[128...])
            let frame = unsafe try FrameDecoder.header(in: rest, at: 128, seed: seed)
            unsafe try FrameDecoder.checkPayload(of: frame, in: rest)
            #expect(frame.sequenceNumber == SequenceNumber(epoch: 1, count: 1))
            let content = unsafe try FrameDecoder.withContent(of: frame, in: rest) { unsafe Array($0) }
            #expect(content == [0x82, 0x01, 0x02])
        }
    }

    /// Lines to paste, should the format ever be given a new version.
    private static func dump(_ bytes: [UInt8]) -> String {
        stride(from: 0, to: bytes.count, by: 8).map { start in
            let row = bytes[start..<min(start + 8, bytes.count)]
            func hex(_ number: Int, _ digits: Int) -> String {
                let text = String(number, radix: 16)
                return String(repeating: "0", count: max(0, digits - text.count)) + text
            }
            return "    \(hex(start, 4))  " + row.map { hex(Int($0), 2) }.joined(separator: " ")
        }.joined(separator: "\n")
    }
}
