package import SystemPackage

/// What all files of one log have in common: their directory, and what distinguishes them from those of another log.
package struct LogIdentity: Sendable {
    package var fileSystem: any FileSystem
    package var directory: any OpenDirectory
    package var identifier: LogIdentifier
    /// The key of the hash that the index uses.
    package var hashSecret: HashSecret
    /// How many threads write or read one large value, the caller's included. It is one where the order of calls must
    /// be the same in every run.
    package var laneCount = 1

    package init(
        fileSystem: any FileSystem, directory: any OpenDirectory, identifier: LogIdentifier, hashSecret: HashSecret
    ) {
        self.fileSystem = fileSystem
        self.directory = directory
        self.identifier = identifier
        self.hashSecret = hashSecret
    }

    /// Where a file was when the log was opened, for error messages.
    package func path(_ fileName: String) -> FilePath { directory.path.appending(fileName) }

    package func path(_ segment: SegmentName) -> FilePath { path(segment.fileName) }

    package func seed(of segment: SegmentNumber) -> FrameSeed { FrameSeed(log: identifier, segment: segment) }
}

/// 128 secret bits, so that nobody can choose keys that collide in the index.
package struct HashSecret: Hashable, Sendable {
    package var first: UInt64
    package var second: UInt64

    package init(first: UInt64, second: UInt64) {
        self.first = first
        self.second = second
    }
}

/// The version of the format, and the features a reader must know. FORMAT.md, "Compatibility".
package enum FormatVersion {
    package static let current: UInt16 = 1
    /// The required features that this version reads: none exist yet.
    package static let knownFeatures: UInt64 = 0

    package static func check(version: UInt16, requiredFeatures: UInt64, path: String) throws {
        guard version == current else {
            throw CheckpointLogError.unsupportedFormat("format version \(version)", path: path)
        }
        let unknown = requiredFeatures & ~knownFeatures
        guard unknown == 0 else {
            throw CheckpointLogError.unsupportedFormat("feature bits 0x\(String(unknown, radix: 16))", path: path)
        }
    }
}
