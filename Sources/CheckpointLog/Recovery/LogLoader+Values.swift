import SystemPackage

extension LogLoader {
    /// The first reference after what is known to be synced whose value did not reach the disk, although nothing newer
    /// of its key is in the log: the log ends there, as before a torn frame. FORMAT.md, "Values that were not synced".
    ///
    /// A version that a newer one has superseded is given up instead.
    ///
    /// - Throws: `.ioFailure`: what cannot be read is not missing.
    func firstLostValue(_ outcome: ChainReader.Outcome) throws -> LogPosition? {
        let files = SegmentFiles(identity)
        let chain = Set(outcome.parts.map(\.name.identifier))
        for version in catalog.unsyncedVersions where chain.contains(version.location.segment) {
            if let known = outcome.knownSynced, version.location.position < known { continue }
            // The end of a process tears nothing that was written: more than a look would make an opening wait.
            let isWritten = outcome.knownGood.map { version.location.position < $0 } ?? false
            if try Self.isThere(version, identity, files, isWhole: !isWritten) { continue }
            if version.isNewest { return version.location.position }
            catalog.giveUp(version)
        }
        return nil
    }

    /// Gives up the versions that an opening would bring back by keeping more than the log did, and whose values never
    /// reached the disk: nothing had to keep them.
    ///
    /// - Throws: `.ioFailure`.
    package static func giveUpLostValues(_ view: LogView, _ identity: LogIdentity) throws {
        for version in view.catalog.unsyncedVersions where !version.isNewest {
            if try !isThere(version, identity, view.files, isWhole: true) { view.catalog.giveUp(version) }
        }
    }

    /// - Parameter isWhole: whether every byte is looked at, rather than the length and the footer.
    private static func isThere(
        _ version: RecordCatalog.UnsyncedVersion, _ identity: LogIdentity, _ files: SegmentFiles, isWhole: Bool
    ) throws -> Bool {
        guard let reference = try reference(of: version, identity, files) else { return true }
        do {
            let reader = try LargeValueReader(reference, identity: identity, byteLimit: ValueReference.contentByteLimit)
            defer { reader.close() }
            if isWhole { try reader.check() }
            return true
        } catch let error as FileSystemError where error.code == .noSuchFileOrDirectory {
            return false
        } catch let error as FileSystemError {
            throw CheckpointLogError(error)
        } catch let error as CheckpointLogError where error.code == .damaged {
            return false
        }
    }

    /// Nil for a frame that is damaged, which whoever restores it is told.
    private static func reference(
        of version: RecordCatalog.UnsyncedVersion, _ identity: LogIdentity, _ files: SegmentFiles
    ) throws -> ValueReference? {
        let segment = version.location.segment
        let file = try wrapping { () throws(FileSystemError) in try files.file(of: segment) }
        do {
            return unsafe try FrameReader.withFrame(
                at: version.location, in: file, seed: identity.seed(of: segment)
            ) { _, content in unsafe ValueReference(Array(content)) }
        } catch is FrameFault {
            return nil
        } catch let error as FileSystemError {
            throw CheckpointLogError(error)
        }
    }
}
