package import SystemPackage

/// Files that are open for reading, at most 32.
///
/// A reader holds the file while it reads it. So neither eviction nor the removal of the file by compaction closes it
/// under the reader: the descriptor closes when its last holder releases it.
package final class SegmentFiles: Sendable {
    private static let limit = 32

    private struct State {
        var names: [SegmentNumber: SegmentName] = [:]
        /// Files of segments and of large values that stay open to the end.
        var pinned: [SegmentNumber: any OpenFile] = [:]
        /// So few that comparing all of them costs less than hashing.
        var files: [(segment: SegmentNumber, file: any OpenFile, lastUse: Int)] = []
        var uses = 0

        mutating func known(_ segment: SegmentNumber) -> (any OpenFile)? {
            if !pinned.isEmpty, let file = pinned[segment] { return file }
            uses += 1
            for index in files.indices where files[index].segment == segment {
                files[index].lastUse = uses
                return files[index].file
            }
            return nil
        }
    }

    private let identity: LogIdentity
    private let state = Lock(State())

    package init(_ identity: LogIdentity) { self.identity = identity }

    /// The files that `other` knows and has open, and additional ones.
    ///
    /// - Parameters:
    ///   - names: segments that `other` may have forgotten by now.
    ///   - pinned: files that stay open to the end.
    package init(
        copying other: SegmentFiles, names: [SegmentNumber: SegmentName], pinned: [SegmentNumber: any OpenFile]
    ) {
        identity = other.identity
        var copy = other.state.withLock { $0 }
        copy.names.merge(names) { known, _ in known }
        copy.pinned = pinned
        state.withLock { [copy] in $0 = copy }
    }

    /// The names of the known segments, by number.
    package var names: [SegmentNumber: SegmentName] { state.withLock { $0.names } }

    /// The file that stays open to the end for this segment; nil if there is none.
    package func pinned(_ segment: SegmentNumber) -> (any OpenFile)? { state.withLock { $0.pinned[segment] } }

    /// Adds a segment's name under its number.
    package func add(_ name: SegmentName) { state.withLock { $0.names[name.identifier] = name } }

    /// Forgets a segment that left the log.
    package func forget(_ segment: SegmentNumber) {
        state.withLock { state in
            state.names[segment] = nil
            state.files.removeAll { $0.segment == segment }
        }
    }

    package func path(of segment: SegmentNumber) -> FilePath { identity.path(name(of: segment)) }

    private func name(of segment: SegmentNumber) -> SegmentName {
        state.withLock { $0.names[segment] } ?? SegmentName(segment, .log)
    }

    package func file(of segment: SegmentNumber) throws(FileSystemError) -> any OpenFile {
        if let known = state.withLock({ $0.known(segment) }) { return known }
        let file = try identity.directory.openFile(name(of: segment), .read)
        return state.withLock { state in
            // Another reader has opened it meanwhile: all use the same file.
            if let known = state.known(segment) { return known }
            if state.files.count >= Self.limit,
                let oldest = state.files.indices.min(by: { state.files[$0].lastUse < state.files[$1].lastUse })
            {
                state.files.remove(at: oldest)
            }
            state.files.append((segment, file, state.uses))
            return file
        }
    }

    package func closeAll() {
        state.withLock { state in
            state.files = []
            state.pinned = [:]
        }
    }
}
