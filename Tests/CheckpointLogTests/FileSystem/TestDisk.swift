import CheckpointLog
import Foundation
import SystemPackage
import TestSupport

/// The two file systems that one suite must not be able to tell apart.
enum TestDisk: String, CaseIterable, Sendable {
    case simulated
    case posix

    /// An empty directory of its own.
    func makeVolume() throws -> Volume {
        switch self {
        case .simulated:
            let fileSystem = SimulatedFileSystem()
            try fileSystem.createDirectory("/volume")
            return Volume(fileSystem: fileSystem, path: "/volume", directory: nil)
        case .posix:
            let directory = try TemporaryDirectory()
            return Volume(fileSystem: POSIXFileSystem.shared, path: directory.path, directory: directory)
        }
    }

    struct Volume {
        let fileSystem: any FileSystem
        let path: FilePath
        /// Keeps the real directory as long as the volume is used.
        let directory: TemporaryDirectory?

        func removeTree(_ name: String) {
            if let disk = fileSystem as? SimulatedFileSystem {
                disk.removeTree(self(name))
            } else {
                try? FileManager.default.removeItem(atPath: self(name).string)
            }
        }

        func move(_ name: String, to newName: String) throws {
            if let disk = fileSystem as? SimulatedFileSystem {
                disk.move(self(name), to: self(newName))
            } else {
                try FileManager.default.moveItem(atPath: self(name).string, toPath: self(newName).string)
            }
        }

        func callAsFunction(_ name: String) -> FilePath { path.appending(name) }
    }
}

/// The error number that `body` fails with; nil when it does not.
func code(of body: () throws -> Void) -> Errno? {
    do {
        try body()
        return nil
    } catch {
        return (error as? FileSystemError)?.code
    }
}

extension OpenFile {
    func allBytes() throws -> [UInt8] {
        let byteCount = try byteCount()
        return try bytes(0..<byteCount) ?? []
    }

    func store(_ bytes: [UInt8], at offset: Int) {
        unsafe bytes.withUnsafeBytes { unsafe store($0, at: offset) }
    }

    func writeOnce(_ bytes: [UInt8], at offset: Int) throws -> Int {
        try unsafe bytes.withUnsafeBytes { try unsafe writeOnce($0, at: offset) }
    }

    func readOnce(_ byteCount: Int, at offset: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0xEE, count: byteCount)
        let count = try unsafe bytes.withUnsafeMutableBytes { try unsafe readOnce(into: $0, at: offset) }
        return Array(bytes.prefix(count))
    }

    func readIfCached(_ byteCount: Int, at offset: Int) throws -> [UInt8]? {
        var bytes = [UInt8](repeating: 0xEE, count: byteCount)
        let count = try unsafe bytes.withUnsafeMutableBytes { try unsafe readIfCached(into: $0, at: offset) }
        return count.map { Array(bytes.prefix($0)) }
    }
}
