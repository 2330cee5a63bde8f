extension RecordCatalog {
    /// The files of the large values that can be restored.
    package var liveValues: [SegmentNumber] {
        values.content.references.values.filter(isLive).map(\.file.segment)
    }

    /// Whether something that is appended superseded the value of this segment for good.
    package func isDeadValue(_ segment: SegmentNumber) -> Bool {
        // One that is not here yet is on its way.
        values.reference(to: segment).map { !isLive($0) } ?? false
    }
}
