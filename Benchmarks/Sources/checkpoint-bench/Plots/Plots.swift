import Foundation

/// The plots of a report, each left out when the report has no rows for it.
struct Plots {
    let report: Report
    let directory: String

    func draw() throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try drawPeers()
        try drawSoakLatency()
        try drawSoakDisk()
        try drawGrowth()
    }

    private var quickNote: String { report.rows.contains { $0.quick } ? " (quick: no claim)" : "" }

    private func gnuplot(_ name: String, _ title: String) -> Gnuplot {
        Gnuplot(title: title + quickNote, output: "\(directory)/\(name).svg")
    }

    /// How many times as long as ours each peer takes, for each workload.
    private func drawPeers() throws {
        // Growth compares growths, which belong to another plot.
        let rows = report.rows.filter { !($0.peers.isEmpty && $0.notCounted.isEmpty) && $0.unit != "×" }
        guard !rows.isEmpty else { return }
        var plot = gnuplot("peers", "Time of each store ÷ ours, log scale: above the line, ours is faster")
        plot.add("set logscale y 10")
        plot.add("set ylabel 'times ours'")
        plot.add("set xrange [-0.5:\(Double(rows.count) - 0.5)]")
        plot.add("set bmargin 9")
        let labels = rows.enumerated().map { "\"\($1.workload)\" \($0)" }.joined(separator: ", ")
        plot.add("set xtics rotate by -40 left noenhanced (\(labels))")
        let names = Set(rows.flatMap { Array($0.peers.keys) + Array($0.notCounted.keys) }).sorted()
        var parts = ["1 with lines lw 2 lc rgb '#000000' title 'ours'"]
        for (index, name) in names.enumerated() {
            for isCounted in [true, false] {
                let points = rows.enumerated().compactMap { place, row -> [Double]? in
                    guard let value = (isCounted ? row.peers : row.notCounted)[name], value > 0, row.ours > 0 else {
                        return nil
                    }
                    return [Double(place), row.unit.hasSuffix("/s") ? row.ours / value : value / row.ours]
                }
                guard !points.isEmpty else { continue }
                // Filled where the peer counts, open where it does not.
                let shape = (isCounted ? [7, 5, 9, 11, 13, 15] : [6, 4, 8, 10, 12, 14])[index % 6]
                let data = isCounted ? "peer\(index)" : "other\(index)"
                plot.addData(data, points)
                parts.append(
                    "$\(data) using 1:2 with points pt \(shape) ps 1.1 lc \(index + 1) "
                        + "title \"\(name)\(isCounted ? "" : " (not counted)")\"")
            }
        }
        plot.add("plot " + parts.joined(separator: ", "))
        try plot.draw()
    }

    private var soaks: [Report.Row] { report.rows.filter { $0.workload.hasPrefix("overwrite-soak-") } }

    private func series(_ name: String, of row: Report.Row) -> [[Double]] { row.series?["ours"]?[name] ?? [] }

    /// Percentiles of a checkpoint's time, with the axis that shows the tail.
    private func drawSoakLatency() throws {
        guard !soaks.isEmpty else { return }
        var plot = gnuplot("soak-latency", "A checkpoint's time while overwriting, by percentile")
        plot.add("set logscale xy 10")
        plot.add("set xlabel 'percentile'")
        plot.add("set ylabel 'µs'")
        let tics = [50, 90, 99, 99.9, 99.99, 99.999].map { "\"\($0)\" \(1 / (1 - $0 / 100))" }
        plot.add("set xtics (\(tics.joined(separator: ", ")))")
        var parts = ["1000 with lines dt 2 lc rgb '#888888' title '1 ms'"]
        for (index, row) in soaks.enumerated() {
            plot.addData("soak\(index)", series("latency", of: row).map { [1 / (1 - $0[0] / 100), $0[1]] })
            parts.append("$soak\(index) using 1:2 with linespoints lw 2 pt 7 ps 0.6 title \"\(row.workload)\"")
        }
        plot.add("plot " + parts.joined(separator: ", "))
        try plot.draw()
    }

    private func drawSoakDisk() throws {
        guard !soaks.isEmpty else { return }
        var plot = gnuplot("soak-disk", "Disk and live bytes while overwriting")
        plot.add("set xlabel 'seconds'")
        plot.add("set ylabel 'MiB'")
        plot.add("set yrange [0:*]")
        var parts: [String] = []
        for (index, row) in soaks.enumerated() {
            for name in ["disk", "live"] {
                plot.addData("\(name)\(index)", series(name, of: row).map { [$0[0], $0[1] / 1_048_576] })
                let dashes = name == "live" ? " dt 2" : ""
                let style = "with lines lw 2 lc \(index + 1)\(dashes)"
                parts.append("$\(name)\(index) using 1:2 \(style) title \"\(row.workload): \(name)\"")
            }
        }
        plot.add("plot " + parts.joined(separator: ", "))
        try plot.draw()
    }

    private func drawGrowth() throws {
        let rows = report.rows.filter { $0.workload.hasPrefix("growth-") }
        guard !rows.isEmpty else { return }
        var plot = gnuplot("growth", "Time of a call as the keys become many")
        plot.add("set logscale xy 10")
        plot.add("set xlabel 'keys'")
        plot.add("set ylabel 'µs'")
        plot.add("set format x '10^{%T}'")
        var parts: [String] = []
        for (index, row) in rows.enumerated() {
            for name in ["ours", "lmdb"] {
                let points = (row.details?[name] ?? [:]).compactMap { label, time -> [Double]? in
                    label.split(separator: " ").first.flatMap { Double($0) }.map { [$0, time] }
                }
                guard !points.isEmpty else { continue }
                plot.addData("\(name)\(index)", points.sorted { $0[0] < $1[0] })
                let dashes = name == "ours" ? "" : " dt 2"
                parts.append(
                    "$\(name)\(index) using 1:2 with linespoints lw 2 lc \(index + 1)\(dashes) pt 7 ps 0.6 "
                        + "title \"\(row.workload): \(name)\"")
            }
        }
        plot.add("plot " + parts.joined(separator: ", "))
        try plot.draw()
    }
}
