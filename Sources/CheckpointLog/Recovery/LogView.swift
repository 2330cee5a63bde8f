/// A view of an open log: its catalog, and the files that it is read from. A reader replaces its view if the log is no
/// longer what it has read; a writer keeps the same one.
package final class LogView: Sendable {
    package let catalog: RecordCatalog
    package let files: SegmentFiles
    package let frames: FrameReader
    package let policies: LogPolicies
    /// Counts the views of one opening.
    package let number: Int

    /// A copy of `other` that later changes do not affect.
    ///
    /// - Parameters:
    ///   - catalog: a copy of its catalog.
    ///   - names: the names of its segments, from before the copy was made; those that it knows now are added.
    ///   - pinned: files to read in any case.
    package init(
        _ identity: LogIdentity, _ configuration: Configuration, copying other: LogView, catalog: RecordCatalog,
        names: [SegmentNumber: SegmentName] = [:], pinned: [SegmentNumber: any OpenFile] = [:]
    ) {
        number = other.number
        self.catalog = catalog
        files = SegmentFiles(copying: other.files, names: names, pinned: pinned)
        frames = FrameReader(
            identity, files, valueByteLimit: configuration.valueByteLimit, cache: other.frames.cache)
        policies = other.policies
    }

    package init(
        _ identity: LogIdentity, _ configuration: Configuration, _ policies: LogPolicies, number: Int = 0
    ) {
        self.number = number
        catalog = RecordCatalog(hashSecret: identity.hashSecret, retentions: policies.retentions)
        files = SegmentFiles(identity)
        frames = FrameReader(identity, files, valueByteLimit: configuration.valueByteLimit)
        self.policies = policies
    }
}
