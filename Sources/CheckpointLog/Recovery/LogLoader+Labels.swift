import SystemPackage

extension LogLoader {
    /// Reads the labels that came since this was last asked, and finds the versions that they keep: most are in the
    /// index; for one that its level's retention has given up the segments are gone through once more.
    ///
    /// - Parameter outcome: the whole chain, read when it is needed.
    /// - Throws: `.damaged` for labels that cannot be read, unless this is a salvage: what they keep is not known, and
    ///   would be given up.
    func restoreLabels(
        _ outcome: () throws -> ChainReader.Outcome, note: (CheckpointLogError) -> Void
    ) throws {
        struct Unread {
            var name: KeyHash
            var key: KeyHash
            var record: SequenceNumber
            var labels = VersionLabels()
            var versions: [LabelTable.Version] = []
        }
        var unread: [Unread] = []
        var wanted: [LabelTable.Version: Int] = [:]
        for (name, key) in catalog.labels.unread {
            guard let entry = catalog.index.newest(name) else {
                catalog.release(catalog.labels.set(VersionLabels(), of: key, name: name))
                continue
            }
            var read = Unread(name: name, key: key, record: entry.sequenceNumber)
            do {
                read.labels = try labels(at: entry.location)
            } catch let error as CheckpointLogError where error.code == .damaged && isSalvage {
                note(error)
            }
            let end = catalog.index.end(of: key)
            for number in read.labels.numbers where number > end {
                if catalog.index.holds(key, number, isRemovedVersion: true) { continue }
                let known = catalog.index.location(key, number) ?? catalog.labels.location(key, number)
                if let known {
                    read.versions.append(LabelTable.Version(hash: key, number: number, location: known))
                } else {
                    wanted[LabelTable.Version(hash: key, number: number, location: FrameLocation(bits: 0))] =
                        unread.count
                }
            }
            unread.append(read)
        }
        if !wanted.isEmpty {
            for version in try find(Set(wanted.keys), outcome) {
                var place = version
                place.location = FrameLocation(bits: 0)
                if let index = wanted[place] { unread[index].versions.append(version) }
            }
        }
        for read in unread {
            for version in read.versions
            where !catalog.index.holds(version.hash, version.number) && !catalog.labels.holds(version.location) {
                catalog.usage.add(version.location)
            }
            catalog.release(
                catalog.labels.set(
                    read.labels, of: read.key, name: read.name, record: read.record, found: read.versions))
        }
    }

    /// The places of versions that are in no table; those that were removed, or whose values are freed, have none.
    private func find(
        _ wanted: Set<LabelTable.Version>, _ outcome: () throws -> ChainReader.Outcome
    ) throws -> [LabelTable.Version] {
        var found: [LabelTable.Version: FrameLocation] = [:]
        var removed: Set<LabelTable.Version> = []
        try forEachRecord(try outcome()) { record in
            let version = LabelTable.Version(
                hash: record.hash(catalog.hashSecret), number: record.sequenceNumber, location: FrameLocation(bits: 0))
            guard wanted.contains(version) else { return }
            switch record.kind {
            case .value: found[version] = record.location
            case .reference:
                if let file = record.value, !catalog.values.isFreed(file.segment) { found[version] = record.location }
            case .versionRemoval: removed.insert(version)
            default: break
            }
        }
        return found.filter { !removed.contains($0.key) }.map { version, location in
            LabelTable.Version(hash: version.hash, number: version.number, location: location)
        }
    }

    private func labels(at location: FrameLocation) throws -> VersionLabels {
        unsafe try withFrame(at: location, "The pins and tags of a key cannot be read") { frame, content in
            guard frame.header.kind == .labels, let labels = unsafe VersionLabels(Array(content)) else {
                throw FrameFault.badField
            }
            return labels
        }
    }
}
