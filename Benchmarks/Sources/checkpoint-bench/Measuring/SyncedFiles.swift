import Foundation

/// New files of 64 MiB, filled one after another, each of which another thread syncs when it is full, and removes.
///
/// That is the least that a log does which lets go what is dead: what took its place has to be on the disk by then, or
/// a power cut takes both. Nothing is checked, found or listed here.
final class SyncedFiles: @unchecked Sendable {
    private static let byteCount = 64 << 20

    private let directory: String
    private let isMapped: Bool
    private let queue = DispatchQueue(label: "sync")
    /// Two full files may wait: a log does not let its appends run away from the disk either.
    private let room = DispatchSemaphore(value: 2)
    // Used by one thread at a time.
    private var file: RawFile?
    private var end = 0
    private var number = 0

    init(_ directory: String, isMapped: Bool = false) {
        self.directory = directory
        self.isMapped = isMapped
    }

    /// - Parameter padding: bytes of the file that are taken beside these.
    func append(_ bytes: UnsafeRawBufferPointer, padding: Int = 0) throws {
        let count = bytes.count + padding
        let limit = max(Self.byteCount, count)
        if end + count > limit { pass() }
        let file = try file ?? next(limit)
        if isMapped { file.store(bytes, at: end) } else { try file.append(bytes) }
        end += count
    }

    private func next(_ byteCount: Int) throws -> RawFile {
        let file = try RawFile("\(directory)/file-\(number)", preallocating: byteCount)
        if isMapped { try file.map(byteCount) }
        self.file = file
        number += 1
        return file
    }

    /// Leaves the file to the thread that syncs.
    private func pass() {
        guard let full = file else { return }
        let path = "\(directory)/file-\(number - 1)"
        room.wait()
        queue.async { [room] in
            // A failed sync would make this faster, and never slower: the floor would be too low, not ours too good.
            try? full.sync()
            full.close()
            unlink(path)
            room.signal()
        }
        file = nil
        end = 0
    }

    func close() {
        pass()
        queue.sync {}
    }
}
