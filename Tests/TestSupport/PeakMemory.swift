import FoundationEssentials

/// How many bytes the greatest resident size of this process during `body` is above what it had before; nil where the
/// system does not tell. Other tests run meanwhile, so only great differences mean anything.
package func peakMemoryGrowth(during body: () throws -> Void) rethrows -> Int? {
    // The kernel starts its mark anew.
    try? Data("5".utf8).write(to: URL(filePath: "/proc/self/clear_refs"))
    let before = residentByteCount("VmRSS:")
    try body()
    guard let before, let peak = residentByteCount("VmHWM:") else { return nil }
    return max(0, peak - before)
}

/// The greatest resident size that this process ever had; nil where the system does not tell.
package func peakResidentByteCount() -> Int? { residentByteCount("VmHWM:") }

private func residentByteCount(_ field: String) -> Int? {
    guard let status = try? Data(contentsOf: URL(filePath: "/proc/self/status")) else { return nil }
    let line = String(decoding: status, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix(field) }
    return line?.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) }.map { $0 << 10 }
}
