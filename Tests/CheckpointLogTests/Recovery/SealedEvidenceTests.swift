import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// What an opening finds out about segments that it need not read.
@Suite struct SealedEvidenceTests {
    private static func append(_ engine: LogEngine, _ count: Int) throws {
        for number in 0..<count {
            _ = try engine.append(
                PowerLossTests.bytes(number, count: 1_900), PowerLossTests.content(), key: "key \(number)")
        }
    }

    private static func code(opening disk: SimulatedFileSystem) -> CheckpointLogError.Code? {
        do {
            try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(disk)).abandon()
            return nil
        } catch {
            return (error as? CheckpointLogError)?.code
        }
    }

    /// The snapshot has its records, so that nothing of it is read: gone, or shorter, it is damage all the same.
    @Test func aSegmentThatTheSnapshotCoversIsLookedAt() throws {
        let disk = SimulatedFileSystem()
        let engine = try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(disk))
        try Self.append(engine, 60)
        try engine.close()
        let sealed = disk.fileNames(in: SpecimenLog.path).filter { $0.hasSuffix(".log") }
        #expect(sealed.count > 1)
        #expect(Self.code(opening: disk.copy()) == nil)
        for name in sealed {
            let path = SpecimenLog.path.appending(name)
            var image = disk.copy()
            #expect(image.removeFile(path))
            #expect(Self.code(opening: image) == .damaged, "\(name) is gone")
            image = disk.copy()
            let bytes = try #require(image.contents(of: path))
            image.setContents(bytes.dropLast(8), of: path)
            #expect(Self.code(opening: image) == .damaged, "\(name) is shorter")
        }
    }

    /// Where the header of the newest segment is not sound, nothing tells what stood after it.
    @Test func anEmptySegmentWhoseHeaderIsWrongIsDamage() throws {
        let disk = SimulatedFileSystem()
        let engine = try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(disk))
        defer { engine.abandon() }
        try Self.append(engine, 20)
        try engine.close()
        let again = try LogEngine.open(at: SpecimenLog.path, SpecimenLog.configuration(disk))
        defer { again.abandon() }
        let name = try again.requireWriter().appender.activeSegment.name
        let image = disk.copy()
        #expect(Self.code(opening: image.copy()) == nil)
        #expect(image.flipBit(100, of: SpecimenLog.path.appending(name.fileName)))
        #expect(Self.code(opening: image) == .damaged)
    }
}
