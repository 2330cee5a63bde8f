import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// What is tried and what is left out, of keys whose values compress, never compress, or do by turns.
@Suite struct CompressionHistoryTests {
    /// The numbers of the values, of `count` counted from 0, that are tried.
    private func tried(_ history: CompressionHistory, _ key: String, _ count: Int, isNoise: (Int) -> Bool) -> [Int] {
        let place = unsafe Array(key.utf8).withUnsafeBytes { unsafe CompressionHistory.Place(of: $0) }
        return (0..<count).filter { number in
            guard history.isWorthTrying(place) else { return false }
            history.note(place, wasInVain: isNoise(number))
            return true
        }
    }

    @Test func whatCompressesIsAlwaysTried() {
        #expect(tried(CompressionHistory(), "a", 50) { _ in false } == Array(0..<50))
    }

    @Test func noiseIsTriedOneTimeInSeventeen() {
        let history = CompressionHistory()
        #expect(tried(history, "a", 87) { _ in true } == [0, 1, 4, 9, 18, 35, 52, 69, 86])
        // Another key knows nothing of it.
        #expect(tried(history, "b", 3) { _ in true } == [0, 1])
    }

    @Test func oneThatPaysBeginsAnew() {
        let history = CompressionHistory()
        #expect(tried(history, "a", 36) { _ in true } == [0, 1, 4, 9, 18, 35])
        #expect(tried(history, "a", 40) { _ in false } == Array(16..<40))
        #expect(tried(history, "a", 6) { _ in true } == [0, 1, 4])
    }

    /// An odd count of values left out would meet the noise alone, for ever.
    @Test func ofTwoKindsInTurnBothAreTried() {
        for first in [0, 1] {
            let tried = tried(CompressionHistory(), "a", 1_000) { $0 % 2 == first }
            #expect(tried == Array(0..<1_000))
        }
        // Three of noise, and one that compresses.
        let tried = tried(CompressionHistory(), "a", 4_000) { $0 % 4 != 3 }
        #expect(tried.contains { $0 % 4 == 3 })
    }

    @Test func whatTurnsCompressibleIsCompressedAgain() throws {
        var configuration = SpecimenLog.configuration(SimulatedFileSystem())
        configuration.segmentByteLimit = 1 << 20
        configuration.largeValueByteCount = 64 << 10
        let engine = try LogEngine.open(at: SpecimenLog.path, configuration)
        var generator = SeededGenerator(seed: 90)
        let noise = (0..<8_192).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        let text = [UInt8](repeating: 7, count: 8_192)
        func stored(_ bytes: [UInt8], _ key: CheckpointKey) throws -> Int {
            try engine.append(bytes, engine.attributes(1), key: key).frameByteCount
        }
        for _ in 0..<100 { #expect(try stored(noise, "a") > 8_192) }
        let sizes = try (0..<17).map { _ in try stored(text, "a") }
        #expect(sizes.contains { $0 > 8_192 } && sizes.last.map { $0 < 1_000 } == true)
        #expect(try (0..<50).allSatisfy { _ in try stored(text, "a") < 1_000 })
        // Short values are always tried.
        for _ in 0..<100 { _ = try stored(Array(noise[..<4_000]), "b") }
        #expect(try stored(Array(text[..<4_000]), "b") < 1_000)
        try engine.close()
    }
}
