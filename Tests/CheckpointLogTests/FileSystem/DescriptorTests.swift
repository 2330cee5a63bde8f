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

/// A program that is started without some of its standard streams, as daemons and scheduled jobs are.
@Suite struct DescriptorTests {
    /// In a process of its own, whose streams can be closed.
    @Test func noFileOfALogTakesTheNumberOfAStandardStream() async {
        await #expect(processExitsWith: .success) {
            for streams in 1...7 {
                try DescriptorTests.live(without: (0...2).filter { streams >> $0 & 1 == 1 })
            }
        }
    }

    /// A log from its making to its end, by a program that prints into the streams it does not have.
    static func live(without closed: [Int32]) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("log")
        let directoryDescriptor = unsafe open(directory.path.string, O_RDONLY | O_CLOEXEC)
        let ownDevice = device(of: directoryDescriptor)
        close(directoryDescriptor)
        #expect(ownDevice != nil)
        let copies = closed.map { fcntl($0, F_DUPFD_CLOEXEC, 10) }
        for stream in closed { close(stream) }
        var (taken, printed): (Set<Int32>, Set<Int32>) = ([], [])
        let life = Result {
            var configuration = SpecimenLog.configuration(SimulatedFileSystem())
            configuration.fileSystem = POSIXFileSystem.shared
            for round in 0..<3 {
                let engine = try LogEngine.open(at: path, configuration)
                // Rolls, a value in a file of its own, a compaction.
                for number in 0..<300 {
                    let bytes = NumberedBytes.bytes(number, count: number % 50 == 0 ? 10_000 : 500)
                    _ = try engine.append(bytes, PowerLossTests.content(), key: CheckpointKey("\(number % 7)"))
                    taken.formUnion(closed.filter { device(of: $0) == ownDevice })
                    let text = "step \(number) of round \(round)\n"
                    printed.formUnion(closed.filter { unsafe write($0, text, text.utf8.count) >= 0 })
                }
                try engine.requireWriter().maintenance.compact(fully: true)
                try engine.close()
            }
            let reader = try LogEngine.openForReading(at: path, configuration, isSalvage: false)
            defer { reader.abandon() }
            return try (0..<7).map { key in
                try unsafe reader.withContent(level: 1, key: CheckpointKey("\(key)")) { unsafe Array($1) }
                    .flatMap(NumberedBytes.number)
            }
        }
        for (stream, copy) in zip(closed, copies) {
            dup2(copy, stream)
            close(copy)
        }
        #expect(taken.isEmpty && printed.isEmpty, "without \(closed): \(taken) taken, printed into \(printed)")
        #expect(try life.get() == [294, 295, 296, 297, 298, 299, 293], "without \(closed)")
    }

    /// The device of an open file; nil where none is open. The runtime's own threads open files too, such as those in
    /// `/proc` that say which threads run: they may have any number.
    private static func device(of descriptor: Int32) -> dev_t? {
        var status = stat()
        return unsafe fstat(descriptor, &status) == 0 ? status.st_dev : nil
    }
}
