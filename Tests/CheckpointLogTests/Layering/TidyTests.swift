import Foundation
import Testing

/// What can be held of a tidy house without reading it: nothing grows long, nothing dead stays, nothing unfinished is
/// left.
@Suite struct TidyTests {
    /// In lines.
    static let fileLimit = 400
    static let functionLimit = 70
    /// In characters.
    static let lineLimit = 120

    static let texts = Result {
        try ["Sources", "Tests", "Examples", "Benchmarks/Sources"].flatMap { folder in
            try SourceTree.texts(folder).map { (path: "\(folder)/\($0.path)", text: $0.text) }
        }
    }

    static func lines(_ text: String) -> [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

    /// What is too long, and what is not done, in one file.
    static func faults(_ path: String, _ text: String) -> [String] {
        let lines = lines(text)
        var faults: [String] = []
        if lines.count > fileLimit + 1 { faults.append("\(path) has \(lines.count - 1) lines") }
        var function: (start: Int, end: Substring)?
        for (index, line) in lines.enumerated() {
            let place = "\(path):\(index + 1)"
            if line.utf8.count > lineLimit, line.count > lineLimit {
                faults.append("\(place) has \(line.count) characters")
            }
            // In two pieces, so that this file says neither.
            for mark in ["TO" + "DO", "FIX" + "ME", "X" + "XX"] where line.contains(mark) {
                faults.append("\(place) says \(mark)")
            }
            if let (start, end) = function {
                if line == end {
                    if index - start >= functionLimit {
                        faults.append("\(path):\(start + 1) has \(index - start + 1) lines")
                    }
                    function = nil
                }
            } else if isFunction(line), hasBody(lines, index) {
                function = (index, line.prefix { $0 == " " } + "}")
            }
        }
        let words = ["Manager", "Helper", "Util", "Common", "Misc", "Processor"]
        let name = path.split(separator: "/").last ?? ""
        faults += words.filter { name.contains($0) }.map { "\(path) is named \($0), which says nothing" }
        return faults
    }

    /// Whether the function whose first line this is goes on: what a protocol asks for has no body.
    private static func hasBody(_ lines: [Substring], _ index: Int) -> Bool {
        if lines[index].hasSuffix("}") { return false }
        if ["{", "(", ","].contains(where: { lines[index].hasSuffix($0) }) { return true }
        guard index + 1 < lines.count else { return false }
        let next = lines[index + 1].drop { $0 == " " }
        return ["->", "throws", "where", "{"].contains { next.hasPrefix($0) }
    }

    private static func isFunction(_ line: Substring) -> Bool {
        let code = line.drop { $0 == " " }
        guard !code.hasPrefix("//"), line.range(of: "func ") != nil || line.range(of: "init") != nil else {
            return false
        }
        return code.firstMatch(of: /^(@\S+ |[a-z()]+ )*(func [^ (<]+|init[?]?)[(<]/) != nil
    }

    @Test func nothingIsLongOrUnfinished() throws {
        let texts = try Self.texts.get()
        #expect(texts.count > 200)
        let faults = texts.flatMap { Self.faults($0.path, $0.text) }
        #expect(faults.isEmpty, "\(faults.joined(separator: "\n"))")
    }

    @Test func aBreachOfEachLimitIsSeen() {
        let long = "    func f() {\n" + String(repeating: "        g()\n", count: 69) + "    }\n"
        #expect(Self.faults("A.swift", long) == ["A.swift:1 has 71 lines"])
        #expect(Self.faults("A.swift", String(repeating: "a\n", count: 401)) == ["A.swift has 401 lines"])
        #expect(Self.faults("A.swift", String(repeating: "a", count: 121)) == ["A.swift:1 has 121 characters"])
        #expect(Self.faults("A.swift", "// TO" + "DO: all").count == 1)
        #expect(Self.faults("KeyHelper.swift", "").count == 1)
        #expect(Self.faults("A.swift", long.replacing("        g()\n", with: "", maxReplacements: 1)) == [])
    }

    /// What the sources declare is said somewhere else too, in the sources, the tests or the benchmark.
    ///
    /// By words: a name that is used for anything counts as used. What a protocol of another module asks for is said by
    /// nobody.
    @Test func nothingIsDeclaredForNobody() throws {
        var counts: [String: Int] = [:]
        var declared: [String: String] = [:]
        for (path, text) in try Self.texts.get() {
            let file = SourceTree.File(room: "", name: path, text: text)
            for (word, count) in file.occurrences { counts[word, default: 0] += count }
            guard path.hasPrefix("Sources/"), !path.contains("KeyMacros") else { continue }
            for name in file.declared { declared[name] = path }
        }
        let dead = declared.filter { counts[$0.key] == 1 && !Self.asked.contains($0.key) }
        #expect(dead.isEmpty, "\(dead.sorted { $0.value < $1.value })")
        #expect(declared.count > 1_000)
    }

    /// What the standard library and packages ask types for, and what is called by a name that is not written.
    static let asked: Set<String> = ["errorDescription", "CheckpointLogCommand"]
}
