import CheckpointLog
import TestSupport
import Testing

/// Frames that claim, or give, more bytes than a frame may hold. A reader allocates the stated content, which is 2 MiB
/// at the most, and nothing that a stream of bytes gives beyond it.
@Suite struct DecompressionBombTests {
    static let seed = FrameSeed(log: LogIdentifier(high: 1, low: 2), segment: 3)

    /// Zeros, compressed as far as it goes.
    static func compressed(_ byteCount: Int, _ method: CompressionMethod) throws -> [UInt8] {
        let zeros = [UInt8](repeating: 0, count: byteCount)
        var target = [UInt8](repeating: 0, count: byteCount / 8)
        let count = unsafe zeros.withUnsafeBytes { zeros in
            unsafe target.withUnsafeMutableBytes { unsafe Compression.compress(zeros, into: $0, method: method) }
        }
        return Array(target.prefix(try #require(count)))
    }

    /// Whether the frame gives its content, and else its fault.
    static func fault(
        _ payload: [UInt8], _ method: CompressionMethod, stating byteCount: Int, of zeros: Int
    ) -> FrameFault? {
        var header = FrameHeader(kind: .value)
        header.level = 1
        header.sequenceNumber = SequenceNumber(epoch: 1, count: 1)
        header.appendNumber = header.sequenceNumber
        header.compression = method
        header.contentByteCount = byteCount
        header.contentCRC = Checksum.mask(Checksum.of([UInt8](repeating: 0, count: zeros)))
        let frame = Forge.frame(header, key: [0x61], payload: payload, seed: seed, at: 128)
        return unsafe frame.withUnsafeBytes { frame in
            do {
                let header = unsafe try FrameDecoder.header(in: frame, at: 128, seed: seed)
                unsafe try FrameDecoder.checkPayload(of: header, in: frame)
                unsafe try FrameDecoder.withContent(of: header, in: frame) { #expect($0.count == byteCount) }
                return nil
            } catch {
                return error as? FrameFault
            }
        }
    }

    @Test(arguments: [CompressionMethod.lz4, .zlib]) func whatIsStatedIsAllThatIsGiven(method: CompressionMethod) throws
    {
        let limit = FrameDecoder.payloadByteLimit
        let most = try Self.compressed(limit, method)
        #expect(Self.fault(most, method, stating: limit, of: limit) == nil)
        #expect(Self.fault(most, method, stating: limit - 1, of: limit - 1) == .decompression)
        #expect(Self.fault(most, method, stating: 1, of: 1) == .decompression)
        #expect(Self.fault(most, method, stating: 0, of: 0) == .decompression)
        for claim in [limit + 1, Int(UInt32.max)] {
            #expect(Self.fault(most, method, stating: claim, of: 0) == .overLimit)
        }
        #expect(Self.fault(Array(most.dropLast()), method, stating: limit, of: limit) == .decompression)
        #expect(Self.fault(most + most, method, stating: limit, of: limit) == .decompression)
        #expect(Self.fault([], method, stating: limit, of: limit) == .decompression)
    }
    /// 256 MiB in a few hundred KiB, or one MiB. In a process of its own, where no other test takes memory.
    @Test func aBombTakesNoMemory() async {
        await #expect(processExitsWith: .success) {
            let limit = FrameDecoder.payloadByteLimit
            for method in [CompressionMethod.lz4, .zlib] {
                let bomb = try DecompressionBombTests.compressed(256 << 20, method)
                #expect(bomb.count < 2 << 20)
                let growth = peakMemoryGrowth {
                    let fault = DecompressionBombTests.fault(bomb, method, stating: limit, of: limit)
                    #expect(fault == .decompression)
                }
                #expect(growth ?? 0 < 16 << 20, "\(method)")
            }
        }
    }
}
