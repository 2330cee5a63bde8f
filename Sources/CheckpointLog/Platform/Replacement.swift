import SystemPackage

/// A file that is written beside the one it replaces: the old or the new content is there at every moment.
package struct Replacement {
    package let file: any OpenFile
    private let name: String
    private let directory: any OpenDirectory

    /// The suffix of a file that is not complete yet.
    package static let temporarySuffix = ".tmp"

    private var temporary: String { name + Self.temporarySuffix }

    /// Begins a replacement of the file `name`. Removes what an earlier attempt left.
    package init(of name: String, in directory: any OpenDirectory) throws(FileSystemError) {
        let temporary = name + Self.temporarySuffix
        do throws(FileSystemError) {
            try directory.remove(temporary)
        } catch  where error.code == .noSuchFileOrDirectory {
            // The usual case: there was nothing to remove.
        }
        file = try directory.openFile(temporary, .create)
        self.name = name
        self.directory = directory
    }

    /// Makes the content survive power loss, and then replaces the old file. Without `syncsName` a power cut may bring
    /// the old one back.
    package func finish(syncsName: Bool = true) throws(FileSystemError) {
        try file.sync()
        try directory.rename(temporary, to: name)
        if syncsName { try directory.sync() }
    }

    /// Removes the new file, if possible.
    package func abandon() { try? directory.remove(temporary) }
}

extension OpenDirectory {
    /// Replaces the file `name` by `bytes`, with a ``Replacement``.
    package func replace(
        _ name: String, with bytes: [UInt8], syncsName: Bool = true
    ) throws(FileSystemError) {
        let replacement = try Replacement(of: name, in: self)
        defer { replacement.file.close() }
        try replacement.file.write(bytes, at: 0)
        try replacement.finish(syncsName: syncsName)
    }
}
