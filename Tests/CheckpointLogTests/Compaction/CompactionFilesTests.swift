#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif
import CheckpointLog
import SystemPackage
import TestSupport
import Testing

/// The files that compactions open.
@Suite struct CompactionFilesTests {
    private static var openDescriptorCount: Int { (0..<4_096).count { fcntl($0, F_GETFD) >= 0 } }

    /// Neither the output, when it is done, nor one that was given up.
    @Test func aCompactionLeavesNoFileOpen() throws {
        let directory = try TemporaryDirectory()
        var configuration = SpecimenLog.configuration(SimulatedFileSystem())
        configuration.fileSystem = POSIXFileSystem.shared
        let engine = try LogEngine.open(at: directory.path.appending("log"), configuration)
        defer { engine.abandon() }
        func compact() throws {
            for number in 0..<20 {
                _ = try engine.append(
                    PowerLossTests.bytes(number, count: 1_900), PowerLossTests.content(), key: "key \(number % 9)")
            }
            _ = try engine.requireWriter().maintenance.compact(fully: true)
        }
        for _ in 0..<3 { try compact() }
        let maintenance = try engine.requireWriter().maintenance
        let (before, count) = (Self.openDescriptorCount, maintenance.compactionCount)
        while maintenance.compactionCount < count + 40 { try compact() }
        // Others of this process open files too.
        #expect(Self.openDescriptorCount < before + 20)
    }
}
