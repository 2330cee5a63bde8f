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

    /// The first opening decides, by its own umask; all files of later ones have the mode of the lock's file.
    @Test func aLogsFilesAreAsOpenAsItsLock() async throws {
        for (permissions, mask, later, mode) in [
            (Configuration.FilePermissions.umask, 0o027, 0o077, 0o640), (.umask, 0o002, 0o022, 0o664),
            (.ownerOnly, 0, 0, 0o600),
        ] as [(Configuration.FilePermissions, mode_t, mode_t, mode_t)] {
            let place = path("log-\(mode)")
            func take(_ value: [UInt8], _ permissions: Configuration.FilePermissions, under mask: mode_t) async throws {
                var configuration = Configuration()
                configuration.filePermissions = permissions
                let before = umask(mask)
                defer { _ = umask(before) }
                let log = try await CheckpointLog.open(at: place.string, configuration: configuration)
                try await log.checkpoint(bytes: value, for: "key", level: 2)
                try await log.compact()
                try await log.close()
            }
            try await take([1], permissions, under: mask)
            #expect(self.mode(place) == (permissions == .umask ? 0o777 & ~mask : 0o700))
            try await take([UInt8](repeating: 2, count: 2 << 20), .ownerOnly, under: later)
            try await take([3], .umask, under: later)
            let names = try system.entries(of: place).map(\.name)
            #expect(names.count > 4)
            for name in names { #expect(self.mode(place.appending(name)) == mode, "\(name)") }
        }
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
