import CheckpointLog
import Foundation
import SystemPackage
import TestSupport
import Testing

/// A reader written from FORMAT.md alone, in another language, finds in a log what the engine finds.
@Suite struct IndependentReaderTests {
    static let groups: [(CheckpointKey, Int)] = [("pair", 2), ("ended", 2), ("wide", 3)]

    static func configuration() -> Configuration {
        var configuration = Configuration()
        configuration.segmentByteLimit = 64 << 10
        configuration.largeValueByteCount = 8 << 10
        configuration.compactsAutomatically = false
        configuration.levels[2] = LevelPolicy(durability: .written, retention: .newest(40), compression: .lz4)
        configuration.levels[3] = LevelPolicy(durability: .written, retention: .newest(40), compression: .zlib)
        // All but the newest is over its age by the time that it is read.
        configuration.levels[5] = LevelPolicy(
            durability: .written, retention: .newest(9).younger(than: .milliseconds(1)))
        return configuration
    }

    static func live(_ log: CheckpointLog, _ opening: Int) async throws {
        for step in 0..<60 {
            let text = String(repeating: "step \(step) of \(opening); ", count: 1 + step * 3)
            try await log.checkpoint(text, for: "text \(step % 7)")
            try await log.checkpoint(step, [Double](repeating: 0.5, count: step), for: "two \(step % 5)", level: 2)
            try await log.checkpoint((0..<200).map { Double($0 * step) / 7 }, for: "numbers \(step % 4)", level: 3)
            if step % 6 == 0 { try await log.checkpoint(step, for: "aged \(step % 4)", level: 5) }
            if step % 20 == 9 {
                try await log.checkpoint((0..<4_000).map { Double($0 + step) }, for: "large \(opening)")
                try await log.commit("pair", level: 2) { group in
                    try group.put(step, for: "left")
                    try group.put(text, for: "two 1")
                }
            }
            if step == 30 {
                try await log.commit("ended", level: 2) { try $0.put("x", for: "ended \(opening)") }
                try await log.removeCheckpoint(for: "ended \(opening)", level: 2)
                try await log.removeCheckpoint(for: "text 3")
                try await log.checkpoint(1, for: "short-lived", level: 4)
                try await log.removeAllCheckpoints(level: 4)
                // More than a frame takes, so that it stands beside the chain.
                try await log.commit("wide", level: 3) { group in
                    for part in 0..<9 { try group.put((0..<900).map { Double($0 * part) }, for: "part \(part)") }
                }
            }
            if step == 40 { try await log.compact() }
        }
    }

    enum End: CaseIterable { case closed, left, torn }

    @Test(.enabled(if: PythonReader.isAvailable), arguments: End.allCases)
    func theReaderFindsWhatTheEngineFinds(end: End) async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("log").string
        for opening in 0..<3 {
            let log = try await CheckpointLog.open(at: path, configuration: Self.configuration())
            try await Self.live(log, opening)
            if opening < 2 || end == .closed {
                try await log.close()
            } else {
                try await log.save()
                log.engine.abandon()
            }
        }
        if end == .torn {
            // Half a frame after the end, as a power cut leaves it.
            let name = try #require(
                try FileManager.default.contentsOfDirectory(atPath: path).filter { $0.hasSuffix(".log") }.max())
            let file = try FileHandle(forUpdating: URL(filePath: path).appending(path: name))
            try file.seek(toOffset: 60_000)
            try file.write(contentsOf: Data(repeating: 0xA5, count: 40))
            try file.close()
        }
        let found = try #require(try PythonReader.read([path]).first)
        #expect(found.verdict == "sound", "\(found.reason)")
        // What is torn may be a segment that was prepared and not used, which is no finding.
        #expect(end == .torn || found.reason == "clean")
        let keys = try await PythonReader.keys(path, Self.configuration())
        let expected = try await PythonReader.engine(path, keys: keys, groups: Self.groups, Self.configuration())
        #expect(expected.values.count > 20 && expected.values.contains { $0.level == 3 && !$0.group.isEmpty })
        #expect(expected.values.allSatisfy { $0.crc >= 0 })
        #expect(Set(found.values) == Set(expected.values))
    }

    @Test(.enabled(if: PythonReader.isAvailable)) func theReaderRefusesADamagedLog() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("log").string
        let log = try await CheckpointLog.open(at: path, configuration: Self.configuration())
        try await Self.live(log, 0)
        try await log.close()
        let url = URL(filePath: path)
        var refusals = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: path) {
            guard ["log", "out"].contains(String(name.suffix(3))) || name == "MANIFEST" else { continue }
            let sound = try Data(contentsOf: url.appending(path: name))
            var damaged = sound
            damaged[sound.count / 3] ^= 0x10
            try damaged.write(to: url.appending(path: name))
            // Of a sealed segment it is the record that is damaged.
            let found = try #require(try PythonReader.read([path]).first)
            #expect(found.verdict == "damage" || found.values.contains { $0.crc < 0 }, "\(name)")
            refusals += 1
            try sound.write(to: url.appending(path: name))
        }
        #expect(refusals > 2)
        #expect(try PythonReader.read([path]).first?.verdict == "sound")
    }
}
