import Foundation
import Testing

/// R13: the table of planted bugs, which `Scripts/planted-bugs` works through, names those that the engine has, and no
/// others.
///
/// It reads the sources, so that it fails in ordinary builds, too, where the bugs are not compiled in.
@Suite struct PlantedBugTableTests {
    struct Row {
        var name: String
        var suite: String
        var test: String
    }

    /// The rows of the table that are well formed; a line that is none has an empty name.
    static func rows() throws -> [Row] {
        let text = try String(contentsOf: SourceTree.root.appending(path: "Tests/PlantedBugs.tsv"), encoding: .utf8)
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            let filter = fields.count == 3 ? fields[1].split(separator: "/") : []
            guard filter.count == 2, !fields[2].isEmpty else { return Row(name: "", suite: "", test: "\(line)") }
            return Row(name: String(fields[0]), suite: String(filter[0]), test: String(filter[1]))
        }
    }

    /// The bugs that the engine declares: the case, and the name that chooses it.
    static func declared() throws -> [String: String] {
        let source = try String(
            contentsOf: SourceTree.root.appending(path: "Sources/CheckpointLog/Platform/PlantedBug.swift"),
            encoding: .utf8)
        let cases = source.matches(of: /case (\w+) = "([^"]+)"/).map { (String($0.2), String($0.1)) }
        return Dictionary(cases, uniquingKeysWith: { first, _ in first })
    }

    @Test func theTableNamesEveryBugOnce() throws {
        let (rows, declared) = (try Self.rows(), try Self.declared())
        #expect(rows.allSatisfy { !$0.name.isEmpty }, "\(rows.filter(\.name.isEmpty))")
        #expect(rows.map(\.name).sorted() == declared.keys.sorted())
        #expect(Set(declared.values).count == declared.count && declared.count >= 20)
    }

    @Test func everyTestOfTheTableExists() throws {
        let folder = SourceTree.root.appending(path: "Tests/CheckpointLogTests")
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }
        var sources: [String: String] = [:]
        for file in files {
            let name = file.split(separator: "/").last?.dropLast(".swift".count) ?? ""
            sources[String(name)] = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
        }
        for row in try Self.rows() {
            let source = try #require(sources[row.suite], "\(row.name): there is no suite \(row.suite)")
            #expect(source.contains("func \(row.test)("), "\(row.name): there is no test \(row.test)")
        }
    }

    /// Each bug stands in one place, and outside of it and of its declaration nothing of the bugs is compiled.
    @Test func everyBugIsPlantedOnceBehindTheFlag() throws {
        var places: [String: Int] = [:]
        for (file, text) in try SourceTree.texts("Sources/CheckpointLog") where !file.hasSuffix("PlantedBug.swift") {
            var isBehindFlag = false
            for line in text.split(separator: "\n") {
                let line = line.drop { $0 == " " }
                if line.hasPrefix("#") { isBehindFlag = line == "#if PLANTED_BUGS" }
                guard line.range(of: "PlantedBug.") != nil else { continue }
                for match in line.matches(of: /PlantedBug\.(\w+)\.isPlanted/) {
                    places[String(match.1), default: 0] += 1
                    #expect(isBehindFlag, "\(file): \(line)")
                }
            }
        }
        #expect(try places.keys.sorted() == Self.declared().values.sorted())
        #expect(places.values.allSatisfy { $0 == 1 }, "\(places.filter { $0.value != 1 })")
    }
}
