import Foundation

/// What the system says of this process's memory. Zero where it does not say.
enum ResidentMemory {
    /// The most that was resident since the last ``resetPeak()``.
    static var peakByteCount: Int { value("VmHWM:") }

    /// What is resident now and belongs to no file: mapped segments are not in it.
    static var anonymousByteCount: Int { value("RssAnon:") }

    static func resetPeak() { try? "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .utf8) }

    private static func value(_ name: String) -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        for line in status.split(separator: "\n") where line.hasPrefix(name) {
            return (line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) * 1_024
        }
        return 0
    }
}
