import FoundationEssentials
package import SystemPackage

/// A directory of its own on the real disk, removed with everything in it when the last reference goes.
package final class TemporaryDirectory: Sendable {
    package let path: FilePath

    package init() throws {
        let parent = FilePath(FileManager.default.temporaryDirectory.path)
        path = parent.appending("checkpoint-log-\(UUID().uuidString)")
        try FileManager.default.createDirectory(atPath: path.string, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path.string) }
}
