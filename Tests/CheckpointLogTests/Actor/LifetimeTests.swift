import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// Proves: a log that is closed or dropped leaves no memory behind, nor the index that is most of it.
@Suite struct LifetimeTests {
    /// The parts of one engine, none of them kept alive by this.
    private struct Parts {
        weak var engine: LogEngine?
        weak var catalog: RecordCatalog?
        weak var appender: LogAppender?
        weak var maintenance: Maintenance?
        weak var files: SegmentFiles?

        init(_ engine: LogEngine) {
            self.engine = engine
            catalog = engine.catalog
            appender = engine.writer?.appender
            maintenance = engine.writer?.maintenance
            files = engine.files
        }

        var left: [String] {
            [
                ("engine", engine as AnyObject?), ("catalog", catalog), ("appender", appender),
                ("maintenance", maintenance), ("files", files),
            ].filter { $0.1 != nil }.map(\.0)
        }
    }

    enum Ending: CaseIterable, Sendable { case closed, dropped, readOnly }

    @Test(arguments: Ending.allCases, [true, false]) func nothingStaysInMemory(ending: Ending, inline: Bool) throws {
        let disk = SimulatedFileSystem(seed: 1)
        var configuration = SpecimenLog.configuration(disk, mapping: true)
        configuration.runsInline = inline
        let parts = try live(ending, configuration)
        // A thread that has said its last lets go of the log a moment later.
        let patience = ContinuousClock.now + .seconds(60)
        while !parts.left.isEmpty, ContinuousClock.now < patience { NamedThread.yield() }
        #expect(parts.left == [])
    }

    private func live(_ ending: Ending, _ configuration: Configuration) throws -> Parts {
        let engine = try LogEngine.open(at: "/log", configuration)
        let parts = Parts(engine)
        for number in 0..<20 {
            let content = try engine.attributes(1).adding(.raw)
            _ = try engine.append([UInt8](repeating: 7, count: 5_000), content, key: "key \(number % 3)")
        }
        switch ending {
        case .closed: try engine.close()
        case .dropped: engine.abandon()
        case .readOnly:
            try engine.close()
            let reader = try LogEngine.openForReading(at: "/log", configuration, isSalvage: false)
            try reader.refresh()
            try reader.close()
            return Parts(reader)
        }
        return parts
    }
}
