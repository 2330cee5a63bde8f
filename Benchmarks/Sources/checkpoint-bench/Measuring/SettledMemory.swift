import Foundation

/// Has a virtual machine keep its memory while workloads are measured in it.
///
/// A host may take back the pages that its guest has freed ("free page reporting" of Linux). The next touch of one is
/// then a fault of the host: 10 µs for 4 KiB on the machine of the performance article, where it is half a microsecond
/// otherwise. Whoever happens to get such pages pays, and in one round more than in the next. On a machine without a
/// host, or one that has been busy for long, there is nothing of that.
final class SettledMemory {
    private static let order = "/sys/module/page_reporting/parameters/page_reporting_order"
    /// Larger than any block of free pages that Linux has, so that none is reported.
    private static let noOrder = "11"

    private let before: String?

    /// - Throws: `PeerFailure` where the system has the setting and does not let it be changed.
    init() throws {
        before = (try? String(contentsOfFile: Self.order, encoding: .utf8))?.trimmingCharacters(
            in: .whitespacesAndNewlines)
        if before != nil { try Self.set(Self.noOrder) }
        Self.touchFreeMemory()
    }

    func end() throws {
        if let before { try Self.set(before) }
    }

    private static func set(_ value: String) throws {
        // A file of the system's: there is no other to put in its place.
        guard let file = FileHandle(forWritingAtPath: order) else {
            throw PeerFailure("\(order) cannot be changed; --settle-memory needs the rights of root")
        }
        try file.write(contentsOf: Data(value.utf8))
        try file.close()
    }

    /// Touches nearly all memory that is free, so that the host has given it before anything is measured.
    private static func touchFreeMemory() {
        let information = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
        let line = information.split(separator: "\n").first { $0.hasPrefix("MemFree:") }
        let free = (line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) << 10
        let byteCount = free - free / 8
        guard byteCount > 0,
            let start = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            start != MAP_FAILED
        else { return }
        for offset in stride(from: 0, to: byteCount, by: 4_096) {
            start.storeBytes(of: 1, toByteOffset: offset, as: UInt8.self)
        }
        munmap(start, byteCount)
    }
}
