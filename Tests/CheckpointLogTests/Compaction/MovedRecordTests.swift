import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// A record that compaction moves between its look-up and its reading.
@Suite struct MovedRecordTests {
    @Test(arguments: [ReadMode.waiting, .cachedOnly]) func whatWasLookedUpIsFoundWhereItIsNow(mode: ReadMode) throws {
        let disk = SimulatedFileSystem(seed: 6)
        let configuration = LogVerifierTests.configuration(disk)
        var engine = try LogEngine.open(at: LogVerifierTests.path, configuration)
        for number in 0..<3 { try LogVerifierTests.append(engine, "rewritten", number) }
        try LogVerifierTests.append(engine, "quiet", 9)
        try engine.close()
        engine = try LogEngine.open(at: LogVerifierTests.path, configuration)
        let query = RecordQuery(key: "quiet", level: 1, origin: .own)
        let found = try #require(try engine.newest(query))
        #expect(try engine.requireWriter().maintenance.compact(fully: true) != nil)
        guard case .frame(let old, _, _) = found, case .frame(let new, _, _)? = try engine.newest(query) else {
            Issue.record("the record is not on the disk")
            return
        }
        #expect(old.location.segment != new.location.segment)
        let content = unsafe try engine.withContent(query, mode, found: found) { unsafe Array($1) }
        #expect(content?.last == 9)
        try engine.close()
    }
}
