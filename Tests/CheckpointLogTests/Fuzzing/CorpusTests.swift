import FoundationEssentials
import FuzzTargets
import Testing

/// R11: every input that the fuzzer was led by, and every one that ever showed a defect, is run again. A run that finds
/// something wrong traps.
@Suite(.timeLimit(.minutes(5))) struct CorpusTests {
    @Test(arguments: FuzzTarget.allCases) func everyInputOfTheCorpusRuns(target: FuzzTarget) throws {
        let inputs = try target.corpusInputs()
        #expect(inputs.count >= 5)
        for input in inputs { target.run(input.bytes) }
    }

    @Test(arguments: FuzzTarget.allCases) func everySeedRuns(target: FuzzTarget) throws {
        let seeds = try target.seeds()
        #expect(!seeds.isEmpty)
        for seed in seeds { target.run(seed) }
    }

    /// What a run does with no bytes, and with every short one.
    @Test(arguments: FuzzTarget.allCases) func shortInputsRun(target: FuzzTarget) {
        target.run([])
        for byte in stride(from: UInt8(0), through: 240, by: 16) { target.run([byte, byte]) }
    }

    @Test func theCorpusIsSmall() throws {
        let inputs = try FuzzTarget.allCases.flatMap { try $0.corpusInputs() }
        #expect(inputs.count <= 200)
        for input in inputs { #expect(input.bytes.count <= 4 << 10, "\(input.name)") }
    }

    /// The harness is of use only if what it makes gets past the checksums.
    @Test func aMendedFrameIsAFrame() throws {
        let frames = try FuzzTarget.frame.seeds()
        #expect(frames.count >= 5)
        for frame in frames { #expect(FuzzTarget.isFrameOnceMended(frame)) }
    }
}
