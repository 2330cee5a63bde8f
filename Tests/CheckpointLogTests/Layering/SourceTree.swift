import Foundation

/// The sources of the package, as far as rules about them need: words, declarations, and who adds which member to whose
/// type.
///
/// By words alone, without a compiler: a name that two rooms declare is not told apart, and counts for the lower one.
struct SourceTree {
    struct File {
        var room: String
        var name: String
        /// How often each word stands there.
        var occurrences: [String: Int] = [:]
        var words: Set<String> { Set(occurrences.keys) }
        /// Words after a dot.
        var members: Set<String> = []
        /// Modules that are imported.
        var imports: Set<String> = []
        /// What stands at the outermost level, and can be seen from other files.
        var outermost: Set<String> = []
        /// Everything that is declared at any depth.
        var declared: Set<String> = []
        /// Members that extensions add, with the outermost type that is extended.
        var added: [(type: String, member: String)] = []
    }

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    var files: [File] = []

    /// Every Swift file below `folder` of the project, by its path from there.
    static func texts(_ folder: String) throws -> [(path: String, text: String)] {
        let url = root.appending(path: folder)
        return try FileManager.default.subpathsOfDirectory(atPath: url.path).sorted()
            .filter { $0.hasSuffix(".swift") && !$0.contains(".build") }
            .map { ($0, try String(contentsOf: url.appending(path: $0), encoding: .utf8)) }
    }

    /// Takes every Swift file below `folder` of the project in; its room is that folder, or the one right below it.
    mutating func add(_ folder: String, eachFolderIsARoom: Bool = false) throws {
        for (path, text) in try Self.texts(folder) {
            let room = eachFolderIsARoom ? String(path.split(separator: "/")[0]) : folder
            files.append(File(room: room, name: path, text: text))
        }
    }
}

extension SourceTree.File {
    init(room: String, name: String, text: String) {
        self.room = room
        self.name = name
        var extended: String?
        for line in Self.code(text).split(separator: "\n") {
            let tokens = Self.tokens(line)
            let indentation = line.prefix { $0 == " " }.count
            let declaration = Self.declaration(line, tokens.map(\.word))
            if let declaration, declaration.keyword == "import" {
                imports.formUnion(declaration.names)
                continue
            }
            for token in tokens {
                occurrences[token.word, default: 0] += 1
                if token.isMember { members.insert(token.word) }
            }
            guard let declaration else { continue }
            if indentation == 0 {
                extended = declaration.keyword == "extension" ? declaration.names[0] : nil
                if extended == nil, !declaration.isPrivate { outermost.formUnion(declaration.names) }
            } else if indentation == 4, let extended, !declaration.isPrivate {
                added += declaration.names.map { (extended, $0) }
            }
            if declaration.keyword != "extension" { declared.formUnion(declaration.names) }
        }
    }

    /// The text without comments, and of string literals what is put into them.
    static func code(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            var line = String(line)
            if let comment = line.range(of: "//") { line.removeSubrange(comment.lowerBound...) }
            // Most lines have none, and a regular expression is slow where it is not optimized.
            guard line.utf8.contains(UInt8(ascii: "\"")) else { return line }
            return line.replacing(/"(\\.|[^"\\])*"/) { "\"\(interpolations($0.output.0))\"" }
        }.joined(separator: "\n")
    }

    private static func interpolations(_ literal: Substring) -> String {
        literal.components(separatedBy: "\\(").dropFirst().map { rest in
            var depth = 1
            let end = rest.firstIndex { character in
                if character == "(" { depth += 1 }
                if character == ")" { depth -= 1 }
                return depth == 0
            }
            return String(rest[..<(end ?? rest.endIndex)])
        }.joined(separator: " ")
    }

    /// The identifiers of a line. Split by hand: a regular expression takes half a minute for all sources, unoptimized.
    private static func tokens(_ line: Substring) -> [(word: String, isMember: Bool)] {
        var tokens: [(word: String, isMember: Bool)] = []
        var word: [UInt8] = []
        var (before, last) = (UInt8(0), UInt8(0))
        func isPart(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        for byte in Array(line.utf8) + [UInt8(ascii: " ")] {
            if isPart(byte) {
                if word.isEmpty { before = last }
                word.append(byte)
            } else {
                if !word.isEmpty { tokens.append((String(decoding: word, as: UTF8.self), before == UInt8(ascii: "."))) }
                word = []
            }
            last = byte
        }
        return tokens
    }

    private static let keywords: Set<String> = [
        "import", "struct", "class", "enum", "actor", "protocol", "extension", "typealias", "func", "var", "let",
        "case",
    ]
    private static let modifiers: Set<String> = [
        "public", "package", "internal", "private", "fileprivate", "set", "final", "static", "nonisolated", "mutating",
        "weak", "lazy", "indirect", "convenience", "override", "unsafe", "safe", "unchecked", "discardableResult",
        "inline", "__always", "inlinable", "usableFromInline", "available", "noasync", "message",
    ]

    /// What a line declares; nil when it declares nothing. A list of cases declares several names.
    private static func declaration(
        _ line: Substring, _ words: [String]
    ) -> (keyword: String, names: [String], isPrivate: Bool)? {
        guard let index = words.firstIndex(where: { !modifiers.contains($0) }), keywords.contains(words[index]) else {
            return nil
        }
        let isPrivate = words[..<index].contains { $0 == "private" || $0 == "fileprivate" }
        var names = words[(index + 1)...]
        // `import struct Foundation.Date`, `class func make`.
        if let first = names.first, keywords.contains(first) { names = names.dropFirst() }
        guard let first = names.first else { return nil }
        guard words[index] == "case" else { return (words[index], [first], isPrivate) }
        // A case of a `switch` declares nothing.
        guard first.first?.isLetter == true, line.range(of: "case .") == nil, !line.hasSuffix(":") else { return nil }
        let list = line.replacing(/\([^)]*\)/, with: "").replacing(/\ = [^,]*/, with: "")
        return ("case", tokens(list).map(\.word).filter { $0 != "case" && $0 != "indirect" }, isPrivate)
    }
}
