import SystemPackage

/// Disk blocks that the log keeps for a full disk.
///
/// Compaction writes its output before it gives space back, and an opening writes a manifest and a new segment. If the
/// disk has no room for that, they give the reserve up. Compaction allocates it again after it has won space.
package struct SpaceReserve: Sendable {
    /// The reserve of a log with little in it: a manifest, footers, the start of a segment.
    private static let leastByteCount = 256 << 10

    private let directory: any OpenDirectory

    package init(_ directory: any OpenDirectory) { self.directory = directory }

    /// The blocks to keep for outputs of up to `segmentByteCount` bytes when all that could be compacted is
    /// `sealedByteCount`.
    package static func byteCount(sealedByteCount: Int, segmentByteCount: Int) -> Int {
        let wanted = min(sealedByteCount, segmentByteCount)
        // In steps, so that a growing log does not allocate a few blocks at each seal.
        return min(segmentByteCount, (wanted / leastByteCount + 1) * leastByteCount)
    }

    /// Allocates the least reserve for a log without one. If there is no room, the log stays without.
    package func begin(segmentByteCount: Int) {
        if isThere { return }
        keep(byteCount: Self.byteCount(sealedByteCount: 0, segmentByteCount: segmentByteCount))
    }

    /// Allocates the reserve or enlarges it; if there is no room for that, allocates the former size again. It shrinks
    /// a reserve that is more than twice as large as necessary: beside a small log it would be most of the disk usage.
    ///
    /// - Returns: false if there is no room. On file systems that cannot allocate ahead there is no reserve, and the
    ///   call returns true.
    @discardableResult
    package func keep(byteCount: Int) -> Bool {
        do throws(FileSystemError) {
            let kept = try keptByteCount() ?? 0
            guard kept < byteCount || kept > 2 * byteCount else { return true }
            // It never writes to an existing file, which may have a second name.
            if kept > 0 { try directory.remove(FileName.reserve) }
            if try make(byteCount: byteCount) { return true }
            return kept > 0 ? try make(byteCount: kept) : false
        } catch {
            // A log without a reserve is as sound as any; only a full disk then has to be helped by the user.
            return false
        }
    }

    /// Does so, and tells `gate` whether the log has a reserve.
    package func keep(byteCount: Int, for gate: RoomGate) {
        gate.changingReserve {
            let wasThere = isThere
            if keep(byteCount: byteCount) { return false }
            // To make it larger it is given up first: somebody may take its blocks meanwhile.
            return wasThere && !isThere ? true : nil
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
            // Half a reserve would take the last blocks from appends, and be too small for an output.
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

    /// Gives the blocks back to the disk. Returns false if there were none.
    package func giveUp() -> Bool {
        do throws(FileSystemError) {
            try directory.remove(FileName.reserve)
            return true
        } catch {
            return false
        }
    }

    /// Runs `body`. If the disk has no room for it, gives the reserve up and runs it again. `body` must leave nothing
    /// half done.
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
            guard let result = try gate.spendingReserve(giveUp, body) else { throw error }
            return result
        }
    }
}
