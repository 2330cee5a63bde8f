/// What is known of an open log, and the files that it is read from. A reader puts another in its place when the log is
/// not any more what it has read; a writer has one for good.
package final class LogView: Sendable {
    package let catalog: RecordCatalog
    package let files: SegmentFiles
    package let frames: FrameReader
    package let policies: LogPolicies
    /// Counts the views of one opening.
    package let number: Int

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
