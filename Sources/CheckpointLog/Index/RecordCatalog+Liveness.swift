extension RecordCatalog {
    /// The files of the large values that can be restored.
    package var liveValues: [SegmentNumber] {
        values.content.references.values.filter(isLive).map(\.file.segment)
    }

    /// The files of values that nothing can restore any more, and that nothing required to be durable.
    package var deadUnsyncedValues: Set<SegmentNumber> {
        Set(values.unsyncedReferences.filter { !isLive($0.reference) }.map(\.reference.file.segment))
    }

    /// Forgets a removal, the frame of an ended group, or a frame of labels that keeps nothing, since compaction drops
    /// it.
    package func dropMarker(_ hash: KeyHash, _ number: SequenceNumber, _ kind: RecordKind) {
        // There may be older groups that are kept.
        if kind == .group { _ = index.remove(hash, number) } else { index.forget(hash, number) }
    }

    /// Whether a record that is appended has superseded the value of this segment for good.
    package func isDeadValue(_ segment: SegmentNumber) -> Bool {
        // A value that is not in the table yet is still being written.
        values.reference(to: segment).map { !isLive($0) } ?? false
    }

    /// Notes that no label keeps these versions any more.
    package func release(_ versions: [LabelTable.Version]) {
        for version in versions where !index.holds(version.hash, version.number) && !groups.holds(version.location) {
            usage.remove(version.location)
            if values.isUsed { values.noteDead(version.location) }
        }
    }

    /// Whether the record is the frame of a group that can no longer be restored, since a member was removed; or a
    /// frame of labels that keeps nothing.
    package func isEnded(_ record: CatalogRecord) -> Bool {
        if record.kind == .labels { return labels.isEnded(record.hash(hashSecret, space: .key), record.sequenceNumber) }
        return record.kind == .group && groups.group(record.hash(hashSecret), record.sequenceNumber) == nil
    }

    /// Whether the record is the frame of a group that has the greatest number of its name, at a level with an age,
    /// while the level has older groups of the name. Without it the next group would have the greatest number, and so
    /// no age: it would come back.
    package func hidesOlderGroups(_ record: CatalogRecord) -> Bool {
        guard record.kind == .group, retentions[record.level].age != nil else { return false }
        let hash = record.hash(hashSecret)
        return index.newestRecord(hash)?.sequenceNumber == record.sequenceNumber && index.versions(hash).count > 1
    }
}
