import Foundation

/// The rows as lines of text.
enum Table {
    static let head = line(
        ["workload", "unit", "ours", "best peer", "× best", "limit", "of limit", "spread", "written/B", "memory"])

    static func lines(of row: Report.Row) -> [String] {
        let isRate = row.unit.hasSuffix("/s")
        let best = isRate ? row.peers.values.max() : row.peers.values.min()
        var lines = [
            line([
                row.workload + (row.quick ? " (quick)" : ""), row.unit, figure(row.ours), figure(best),
                figure(row.ratioToBestPeer), figure(row.limit), figure(row.ratioToLimit), "\(Int(row.spread * 100)) %",
                figure(row.bytesWrittenPerByte), "\(row.peakMemoryBytes >> 20) MiB",
            ])
        ]
        func add(_ title: String, _ figures: [String: Double]) {
            let sorted = figures.sorted { $0.key.compare($1.key, options: .numeric) == .orderedAscending }
            if !sorted.isEmpty {
                lines.append("    \(title): " + sorted.map { "\($0) \(figure($1))" }.joined(separator: ", "))
            }
        }
        add("peers", row.peers)
        add("not counted", row.notCounted)
        for (name, details) in (row.details ?? [:]).sorted(by: { $0.key < $1.key }) { add(name, details) }
        return lines
    }

    static func figure(_ value: Double?) -> String {
        guard let value else { return "" }
        return value >= 100 ? String(format: "%.0f", value) : String(format: "%.3g", value)
    }

    private static func line(_ cells: [String]) -> String {
        cells.enumerated().map { index, cell in
            cell.padding(toLength: max(cell.count, index == 0 ? 34 : 11), withPad: " ", startingAt: 0)
        }.joined(separator: " ")
    }
}
