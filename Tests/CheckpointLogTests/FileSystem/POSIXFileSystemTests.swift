#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif
import CheckpointLog
import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

/// What only a real disk has: links, pipes and modes.
@Suite struct POSIXFileSystemTests {
    private let system = POSIXFileSystem.shared
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func path(_ name: String) -> FilePath { directory.path.appending(name) }

    private func mode(_ path: FilePath) -> mode_t {
        var status = stat()
        _ = unsafe path.withPlatformString { unsafe lstat($0, &status) }
        return status.st_mode & 0o777
    }

    @Test func linksAreRefusedAndListedAsNoFiles() throws {
        try system.openFile(path("target"), .create).write([1], at: 0)
        try FileManager.default.createSymbolicLink(
            atPath: path("link").string, withDestinationPath: path("target").string)
        try FileManager.default.createSymbolicLink(atPath: path("loose").string, withDestinationPath: "nowhere")
        #expect(code { _ = try system.openFile(path("link"), .read) } == .tooManySymbolicLinkLevels)
        #expect(code { _ = try system.openFile(path("link"), .readWrite) } == .tooManySymbolicLinkLevels)
        #expect(code { _ = try system.lock(path("link")) } == .tooManySymbolicLinkLevels)
        #expect(code { _ = try system.openFile(path("loose"), .create) } == .fileExists)
        #expect(code { _ = try system.lock(path("loose")) } == .tooManySymbolicLinkLevels)
        let files = try system.entries(of: directory.path).filter(\.isRegularFile).map(\.name)
        #expect(files == ["target"])
    }

    @Test func pipesAreRefusedWithoutWaiting() throws {
        #expect(unsafe path("pipe").withPlatformString { unsafe mkfifo($0, 0o600) } == 0)
        #expect(code { _ = try system.openFile(path("pipe"), .read) } == .invalidArgument)
        #expect(code { _ = try system.openFile(path("pipe"), .readWrite) } == .invalidArgument)
        #expect(code { _ = try system.openFile(path("pipe"), .create) } == .fileExists)
        #expect(code { _ = try system.lock(path("pipe")) } == .invalidArgument)
        #expect(try system.entries(of: directory.path) == [DirectoryEntry(name: "pipe", isRegularFile: false)])
    }

    @Test func nobodyElseCanReadWhatIsCreated() throws {
        _ = try system.openFile(path("file"), .create)
        _ = try system.lock(path("lock"))
        try system.createDirectory(path("directory"))
        #expect(mode(path("file")) == 0o600)
        #expect(mode(path("lock")) == 0o600)
        #expect(mode(path("directory")) == 0o700)
    }

    @Test func temporaryDirectoryGoesWithItsContents() throws {
        let path: FilePath
        do {
            let directory = try TemporaryDirectory()
            path = directory.path
            _ = try system.openFile(path.appending("a"), .create)
        }
        #expect(code { _ = try system.entries(of: path) } == .noSuchFileOrDirectory)
    }
}
