import CheckpointLog
import Foundation
import SystemPackage
import TestSupport
import Testing

/// The Python reader, written from FORMAT.md alone, and the engine say the same of logs that were damaged at random:
/// whether the log opens, which versions it has, and what each of them holds.
@Suite struct ReaderAgreementTests {
    /// Damages one file of the directory, and says how.
    static func damage(_ path: String, _ generator: inout SeededGenerator) throws -> String {
        let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
        let name = names[Int.random(in: names.indices, using: &generator)]
        let file = URL(filePath: path).appending(path: name)
        var bytes = [UInt8](try Data(contentsOf: file))
        let kind = Int.random(in: 0..<10, using: &generator)
        if kind == 0 || bytes.isEmpty {
            try FileManager.default.removeItem(at: file)
            return "\(name) removed"
        }
        if kind < 3 {
            let count = Int.random(in: 0..<bytes.count, using: &generator)
            try Data(bytes.prefix(count)).write(to: file)
            return "\(name) cut to \(count) bytes"
        }
        // Most bytes of a file are zeros that nothing has used: they are hit less often than what was written.
        var place = Int.random(in: bytes.indices, using: &generator)
        let written = bytes.indices.filter { bytes[$0] != 0 }
        if kind < 9, !written.isEmpty { place = written[Int.random(in: written.indices, using: &generator)] }
        if kind == 3 {
            let end = min(bytes.count, place + 512)
            for index in place..<end { bytes[index] = 0 }
            try Data(bytes).write(to: file)
            return "\(name): zeros in \(place)..<\(end)"
        }
        bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        try Data(bytes).write(to: file)
        return "\(name): a bit of byte \(place)"
    }

    /// The specimens of the suites that damage logs.
    static let specimens = ["specimen", "specimen-written", "specimen-long"]

    /// A golden directory, or a specimen that is written into `directory`.
    static func base(_ name: String, in directory: TemporaryDirectory) throws -> URL {
        guard specimens.contains(name) else { return GoldenTests.folder.appending(path: name) }
        let specimen = try SpecimenLog(
            mapping: name != "specimen-written", leastValueByteCount: name == "specimen-long" ? 600 : 0)
        let url = URL(filePath: directory.path.appending("base").string)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        for file in specimen.disk.fileNames(in: SpecimenLog.path) {
            let bytes = try #require(specimen.disk.contents(of: SpecimenLog.path.appending(file)))
            try Data(bytes).write(to: url.appending(path: file))
        }
        return url
    }

    @Test(.enabled(if: PythonReader.isAvailable), arguments: GoldenTests.names + specimens)
    func bothSayTheSameOfADamagedLog(name: String) async throws {
        let source = try TemporaryDirectory()
        let golden = try Self.base(name, in: source)
        var generator = SeededGenerator(seed: testSeed())
        var verdicts: [String: Int] = [:]
        var keys = try await PythonReader.keys(golden.path)
        // What a cut brings back: a key whose removal it took.
        keys += ["gone", "c", "d"].filter { _ in Self.specimens.contains(name) }.map {
            PythonReader.Name(key: $0, level: 1)
        }
        for _ in 0..<(isLongRun ? 20 : 1) {
            let directory = try TemporaryDirectory()
            var paths: [String] = []
            var damages: [String] = []
            for number in 0..<(name.hasSuffix("ed") ? 150 : 40) {
                let path = directory.path.appending("\(number)").string
                try FileManager.default.copyItem(atPath: golden.path, toPath: path)
                // The first stays as it is.
                damages.append(number == 0 ? "nothing" : try Self.damage(path, &generator))
                paths.append(path)
            }
            let found = try PythonReader.read(paths)
            #expect(found.count == paths.count)
            for (index, theirs) in found.enumerated() {
                let ours = try await PythonReader.engine(paths[index], keys: keys)
                verdicts[theirs.verdict, default: 0] += 1
                #expect(theirs.verdict == ours.verdict, "\(damages[index]): \(theirs.reason) / \(ours.reason)")
                let theirValues = Set(theirs.values.filter(\.group.isEmpty))
                let difference = theirValues.symmetricDifference(ours.values)
                #expect(difference.isEmpty, "\(damages[index])")
                if index == 0 { #expect(theirs.verdict == "sound" && theirs.values.allSatisfy { $0.crc >= 0 }) }
            }
        }
        #expect(verdicts["sound"] ?? 0 > 0 && verdicts["damage"] ?? 0 > 0, "\(verdicts)")
        tellCounts("ReaderAgreement", ["damaged logs": verdicts.values.reduce(0, +)])
    }
}
