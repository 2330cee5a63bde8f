import SystemPackage

/// Disk blocks that the log keeps for the moment when the disk is full.
///
/// Compaction gives space back, but writes its output first; an opening writes a manifest and a new segment. Both give
/// the reserve up when the disk has no room for them, and compaction makes it anew once it has won space.
package struct SpaceReserve: Sendable {
    /// The reserve of a log with little in it: a manifest, footers, the start of a segment.
    private static let leastByteCount = 256 << 10

    private let directory: any OpenDirectory

    package init(_ directory: any OpenDirectory) { self.directory = directory }

    /// The blocks to keep for outputs of up to `segmentByteCount` bytes when all that could be compacted is
    /// `sealedByteCount`.
    package static func byteCount(sealedByteCount: Int, segmentByteCount: Int) -> Int {
        let wanted = min(sealedByteCount, segmentByteCount)
        // In steps, so that a growing log is not asked for a few blocks at each seal.
        return min(segmentByteCount, (wanted / leastByteCount + 1) * leastByteCount)
    }

    /// Allocates the least reserve for a log that has none. Without room for that the log has none.
    package func begin(segmentByteCount: Int) {
        if isThere { return }
        keep(byteCount: Self.byteCount(sealedByteCount: 0, segmentByteCount: segmentByteCount))
    }

    /// Allocates the reserve, or a larger one; without room for that the smaller one again. One that is more than twice
    /// as large as it need be is made smaller: beside a small log it would be most of what the log takes.
    ///
    /// - Returns: false without room for any. Where blocks cannot be allocated ahead there is none, and none is missed.
    @discardableResult
    package func keep(byteCount: Int) -> Bool {
        do throws(FileSystemError) {
            let kept = try keptByteCount() ?? 0
            guard kept < byteCount || kept > 2 * byteCount else { return true }
            // A file that is there already is never written to: its name may be one of two.
            if kept > 0 { try directory.remove(FileName.reserve) }
            if try make(byteCount: byteCount) { return true }
            return kept > 0 ? try make(byteCount: kept) : false
        } catch {
            // A log without a reserve is as sound as any; only a full disk then has to be helped by the user.
            return false
        }
    }

    /// - Returns: false without room.
    private func make(byteCount: Int) throws(FileSystemError) -> Bool {
        let file: any OpenFile
        do throws(FileSystemError) {
            file = try directory.openFile(FileName.reserve, .create)
        } catch  where error.isDiskFull {
            return false
        }
        defer { file.close() }
        do throws(FileSystemError) {
            if try file.reserve(byteCount: byteCount) { return true }
            try directory.remove(FileName.reserve)
            return true
        } catch {
            // Half a reserve would take the last blocks from the appends and be too small for an output.
            try directory.remove(FileName.reserve)
            return false
        }
    }

    /// Whether the log keeps one.
    var isThere: Bool { ((try? keptByteCount()) ?? nil) != nil }

    private func keptByteCount() throws(FileSystemError) -> Int? {
        do throws(FileSystemError) {
            let file = try directory.openFile(FileName.reserve, .read)
            defer { file.close() }
            return try file.byteCount()
        } catch  where error.code == .noSuchFileOrDirectory {
            return nil
        } catch {
            throw error
        }
    }

    /// Gives the blocks back to the disk. False when there were none.
    package func giveUp() -> Bool {
        do throws(FileSystemError) {
            try directory.remove(FileName.reserve)
            return true
        } catch {
            return false
        }
    }

    /// Runs `body`, once more with the reserve given up when the disk had no room for it. `body` leaves nothing half
    /// done.
    ///
    /// - Parameter gate: keeps appends from taking what is given up.
    package func spending<Result>(_ gate: RoomGate? = nil, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as CheckpointLogError where error.isLackOfRoom {
            guard let gate else {
                guard giveUp() else { throw error }
                return try body()
            }
            return try gate.whileClosed {
                guard giveUp() else { throw error }
                gate.noteReserve(isSpent: true)
                return try body()
            }
        }
    }
}
