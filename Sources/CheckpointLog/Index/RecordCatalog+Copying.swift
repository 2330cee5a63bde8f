extension RecordCatalog {
    /// The same as it is now, which no later record changes. Nobody may add records meanwhile.
    ///
    /// - Complexity: O(1) but for the references to large values; the first change of each part of the index copies it.
    package func copy() -> RecordCatalog {
        let copy = RecordCatalog(hashSecret: hashSecret, retentions: retentions)
        copy.index.replace(by: index)
        copy.usage.replace(usage.all)
        copy.replace(sides)
        copy.groups.replace(by: groups)
        copy.labels.replace(by: labels)
        return copy
    }

    /// The files of the large values that can be restored.
    package var liveValues: [SegmentNumber] {
        values.content.references.values.filter(isLive).map(\.file.segment)
    }
}
