/// Drops versions that are older than their level allows. The newest version of a key has no age.
///
/// An age is judged by the times in footers, which only a compaction reads. So that it has a reason to, whole segments
/// are judged by their newest time before it is planned, without reading anything.
struct VersionExpiry {
    private let catalog: RecordCatalog
    /// By level, the time before which a version is too old; nil if a level has no age.
    private let limits: [Int64?]

    /// The limits at `now`; nil if no level has an age.
    init?(_ catalog: RecordCatalog, now: Int64) {
        self.catalog = catalog
        limits = (0...UInt8.max).map { level in catalog.retentions[level].age.map { now - $0.microseconds } }
        if limits.allSatisfy({ $0 == nil }) { return nil }
    }

    /// Drops the versions in segments that hold nothing young.
    ///
    /// - Parameter footers: to judge every version by its own time, which reads the footers of all segments that hold
    ///   older versions.
    /// - Complexity: O(n) in the versions that are not the newest of their key.
    func expire(in segments: [Manifest.Segment], reading footers: LogFooters?) throws {
        let newest = Dictionary(uniqueKeysWithValues: segments.map { ($0.name.identifier, $0.newestTimestamp) })
        var mixed: Set<SegmentNumber> = []
        catalog.expire { hash, entry in
            guard let limit = limits[Int(hash.level)], let time = newest[entry.location.segment] else { return false }
            if time < limit { return true }
            mixed.insert(entry.location.segment)
            return false
        }
        guard let footers else { return }
        for segment in segments where mixed.contains(segment.name.identifier) {
            unsafe try footers.forEachEntry(of: segment) { entry, key, origin in
                unsafe expire(entry, CatalogRecord(entry, of: segment.name.identifier, key: key, origin: origin))
            }
        }
    }

    /// Drops one version that is too old by its own time.
    func expire(_ entry: SegmentFooter.Entry, _ record: CatalogRecord) {
        guard [.value, .reference, .group].contains(entry.kind), let limit = limits[Int(entry.level)],
            entry.timestamp < limit
        else { return }
        catalog.expire(record)
    }
}
