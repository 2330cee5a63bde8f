/// Values that a power cut may have taken.
extension RecordCatalog {
    /// A version whose value was not known to be synced when its reference was appended.
    package struct UnsyncedVersion: Sendable {
        package var location: FrameLocation
        package var segment: SegmentNumber
        package var isNewest: Bool
        fileprivate var reference: ValueTable.Reference

        fileprivate init(
            location: FrameLocation, segment: SegmentNumber, isNewest: Bool, reference: ValueTable.Reference
        ) {
            self.location = location
            self.segment = segment
            self.isNewest = isNewest
            self.reference = reference
        }

        /// A version that is the newest of its key.
        init(newest reference: ValueTable.Reference, at location: FrameLocation) {
            self.init(location: location, segment: reference.file.segment, isNewest: true, reference: reference)
        }
    }

    /// The versions of that kind that can be restored, in the order of the log.
    package var unsyncedVersions: [UnsyncedVersion] {
        values.unsyncedReferences.filter { isLive($0.reference) }.map { location, reference in
            let newest = newest(reference.hash)
            return UnsyncedVersion(
                location: location, segment: reference.file.segment,
                isNewest: newest?.sequenceNumber == reference.sequenceNumber, reference: reference)
        }.sorted { $0.location.bits < $1.location.bits }
    }

    /// Removes a version that a newer one has superseded, and whose value never reached the disk.
    package func giveUp(_ version: UnsyncedVersion) {
        let reference = version.reference
        drop(reference, at: version.location)
        release(labels.forget(reference.hash) { $0.number == reference.sequenceNumber })
        values.noteDead(version.location)
    }
}
