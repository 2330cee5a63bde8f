import SystemPackage

extension PositionStatement {
    /// Reads what the log's POSITION states; nil if there is no such file, or if it belongs to another log.
    package static func read(_ identity: LogIdentity) throws(FileSystemError) -> PositionStatement? {
        let file: any OpenFile
        do throws(FileSystemError) {
            file = try identity.directory.openFile(FileName.position, .read)
        } catch  where error.code == .noSuchFileOrDirectory {
            return nil
        }
        defer { file.close() }
        guard let bytes = try file.bytes(0..<byteCount) else { return nil }
        return PositionStatement(
            bytes, of: identity.identifier, boot: identity.fileSystem.bootIdentifier,
            place: identity.directory.placeIdentifier)
    }
}
