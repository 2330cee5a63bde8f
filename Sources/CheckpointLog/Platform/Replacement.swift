import SystemPackage

/// A file that is made beside the one whose place it takes: the old or the new content is there at every moment.
package struct Replacement {
    package let file: any OpenFile
    private let name: String
    private let directory: any OpenDirectory

    /// Ends the name of a file that is not complete yet.
    package static let temporarySuffix = ".tmp"

    private var temporary: String { name + Self.temporarySuffix }

    /// Begins one for the file `name`. What an earlier attempt has left goes first.
    package init(of name: String, in directory: any OpenDirectory) throws(FileSystemError) {
        let temporary = name + Self.temporarySuffix
        do throws(FileSystemError) {
            try directory.remove(temporary)
        } catch  where error.code == .noSuchFileOrDirectory {
            // The usual case: there was none.
        }
        file = try directory.openFile(temporary, .create)
        self.name = name
        self.directory = directory
    }

    /// Makes the content survive power loss, and puts it in its place. Without `syncsName` a power cut may bring the
    /// old one back.
    package func finish(syncsName: Bool = true) throws(FileSystemError) {
        try file.sync()
        try directory.rename(temporary, to: name)
        if syncsName { try directory.sync() }
    }

    /// Removes what was made, as far as that can be.
    package func abandon() { try? directory.remove(temporary) }
}

extension OpenDirectory {
    /// Puts `bytes` in the place of the file `name`, as a ``Replacement`` does.
    package func replace(
        _ name: String, with bytes: [UInt8], syncsName: Bool = true
    ) throws(FileSystemError) {
        let replacement = try Replacement(of: name, in: self)
        defer { replacement.file.close() }
        try replacement.file.write(bytes, at: 0)
        try replacement.finish(syncsName: syncsName)
    }
}
