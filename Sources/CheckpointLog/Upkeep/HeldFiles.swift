import SystemPackage

/// Keeps files that the log no longer needs while a snapshot or a backup still reads them.
///
/// Compaction and the freeing of large values go on meanwhile. They remove files through this object, which removes a
/// held file when its last holder ends. A file's number is used once, so one number describes what a holder needs: all
/// files that were created before its moment. After a crash the held files are orphans, which the next opening removes.
package final class HeldFiles: Sendable {
    /// One holder.
    package struct Hold: Sendable {
        fileprivate let number: Int
    }

    private struct State {
        /// Files with smaller numbers stay.
        var holds: [Int: SegmentNumber] = [:]
        var holdCount = 0
        /// Files to remove when nobody holds them.
        var leaving: [SegmentName: Leaving] = [:]
        var releaseCount = 0
        var isStopped = false

        func holds(_ segment: SegmentNumber) -> Bool { holds.values.contains { segment < $0 } }

        /// A holder that came after the log was done with a file does not need it.
        func holds(_ name: SegmentName, _ file: Leaving) -> Bool {
            holds.contains { $0.key <= file.lastHold && name.identifier < $0.value }
        }
    }

    private struct Leaving {
        var byteCount: Int
        /// The newest holder by the time that the log was done with the file.
        var lastHold: Int
    }

    private let directory: any OpenDirectory
    private let state = Lock(State())

    package init(_ directory: any OpenDirectory) { self.directory = directory }

    /// Holds every file of the log, those too that are made from now on, until ``settle(_:below:)`` or ``end(_:)``.
    package func begin() -> Hold {
        state.withLock { state in
            state.holdCount += 1
            state.holds[state.holdCount] = .max
            return Hold(number: state.holdCount)
        }
    }

    /// Releases files that were created after the holder's moment: those from `next` on.
    package func settle(_ hold: Hold, below next: SegmentNumber) {
        state.withLock { $0.holds[hold.number] = next }
        removeUnheld()
    }

    /// Ends a holder. If a file cannot be removed now, the next opening removes it as an orphan.
    package func end(_ hold: Hold) {
        state.withLock { $0.holds[hold.number] = nil }
        removeUnheld()
        state.withLock { $0.releaseCount += 1 }
    }

    /// Removes nothing from now on: the log may belong to another process.
    package func stop() { state.withLock { $0.isStopped = true } }

    /// Whether somebody holds the file of that number.
    package func holds(_ segment: SegmentNumber) -> Bool { state.withLock { $0.holds(segment) } }

    /// Bytes of the files that only holders need.
    package var byteCount: Int { state.withLock { $0.leaving.values.reduce(0) { $0 + $1.byteCount } } }

    /// How often a holder let go, and a file went for that: each may have made room, or let a compaction make some that
    /// went around what was held.
    package var releaseCount: Int { state.withLock { $0.releaseCount } }

    /// Removes a file that the log is done with, or has it removed once nobody holds it. One that is gone already is as
    /// wanted.
    package func remove(_ name: SegmentName) throws(FileSystemError) {
        guard state.withLock({ $0.holds(name.identifier) }) else { return try removeNow(name) }
        let byteCount = Self.byteCount(of: name, in: directory)
        let stays = state.withLock { state in
            guard state.holds(name.identifier) else { return false }
            state.leaving[name] = Leaving(byteCount: byteCount, lastHold: state.holdCount)
            return true
        }
        if !stays { try removeNow(name) }
    }

    private static func byteCount(of name: SegmentName, in directory: any OpenDirectory) -> Int {
        guard let file = try? directory.openFile(name, .read) else { return 0 }
        defer { file.close() }
        return (try? file.byteCount()) ?? 0
    }

    private func removeNow(_ name: SegmentName) throws(FileSystemError) {
        do throws(FileSystemError) {
            try directory.remove(name)
        } catch  where error.code == .noSuchFileOrDirectory {
            // As wanted.
        } catch {
            throw error
        }
    }

    private func removeUnheld() {
        let unheld = state.withLock { state -> [SegmentName] in
            if state.isStopped { return [] }
            let unheld = state.leaving.filter { !state.holds($0.key, $0.value) }.map(\.key)
            for name in unheld { state.leaving[name] = nil }
            return unheld
        }
        for name in unheld.sorted(by: { $0.identifier < $1.identifier }) {
            guard (try? removeNow(name)) != nil else { continue }
            state.withLock { $0.releaseCount += 1 }
        }
    }
}
