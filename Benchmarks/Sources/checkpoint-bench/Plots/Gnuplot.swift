import Foundation

/// Draws with gnuplot, which Scripts/bench installs.
struct Gnuplot {
    private var script = ""

    init(title: String, output: String) {
        add("set terminal svg size 960,540 dynamic enhanced font 'sans-serif,13' background '#ffffff'")
        add("set encoding utf8")
        add("set output '\(output)'")
        add("set title \"\(title)\" noenhanced")
        add("set grid lc rgb '#dddddd'")
        add("set key outside right top noenhanced")
    }

    mutating func add(_ line: String) { script += line + "\n" }

    /// A named block of points.
    mutating func addData(_ name: String, _ points: [[Double]]) {
        add("$\(name) << EOD")
        for point in points { add(point.map { String($0) }.joined(separator: " ")) }
        add("EOD")
    }

    func draw() throws {
        let process = Process()
        let input = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["gnuplot"]
        process.standardInput = input
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data(script.utf8))
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw PeerFailure("gnuplot failed; is the package gnuplot-nox there?")
        }
    }
}
