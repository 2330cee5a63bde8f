#if KeyMacro
import CheckpointKeyMacros
import SwiftSyntax
import SwiftSyntaxMacroExpansion
import SwiftSyntaxMacrosGenericTestSupport
import Testing

/// What the macro writes, and what it says where it cannot.
@Suite struct CheckpointKeyMacroTests {
    static let closure = "a closure cannot be part of a checkpoint key"
    static let interpolation =
        "a checkpoint key is made of the text of its arguments, and an interpolated string's text is not its value"
    static let severalLines = "a string of several lines cannot be part of a checkpoint key"
    static let tooLong = "the text of the arguments makes a checkpoint key of over 1024 bytes"
    static var useValues: FixItSpec { FixItSpec(message: "make the key of the arguments' values") }
    static var removeClosure: FixItSpec { FixItSpec(message: "remove the closure") }

    /// Expects `source` to expand to `call` on the parts of the place.
    func expectExpansion(
        of source: String, to call: String, sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) {
        check(
            source, expands: "CheckpointKeys.KeyParts(fileID: #fileID, function: #function).\(call)",
            sourceLocation: sourceLocation)
    }

    func check(
        _ source: String, expands expansion: String, diagnostics: [DiagnosticSpec] = [],
        applying fixIts: [String]? = nil,
        fixed: String? = nil, sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) {
        assertMacroExpansion(
            source, expandedSource: expansion, diagnostics: diagnostics,
            macroSpecs: ["checkpointKey": MacroSpec(type: CheckpointKeyMacro.self)], applyFixIts: fixIts,
            fixedSource: fixed,
            failureHandler: { Issue.record("\($0.message)", sourceLocation: sourceLocation) })
    }

    @Test(arguments: [
        ("#checkpointKey(a, b, c, 123)", #"key(arguments: "a", "b", "c", "123")"#),
        ("#checkpointKey()", "key()"),
        ("#checkpointKey", "key()"),
        ("#checkpointKey(point.x, -1.5, nil as Int?)", #"key(arguments: "point.x", "-1.5", "nil as Int?")"#),
        ("#checkpointKey(a+b, a + b)", #"key(arguments: "a+b", "a + b")"#),
        ("#checkpointKey(items[0], Int.self, .zero)", #"key(arguments: "items[0]", "Int.self", ".zero")"#),
        ("#checkpointKey(on ? .a : .b)", #"key(arguments: "on ? .a : .b")"#),
        (##"#checkpointKey("phase", x)"##, ##"key(arguments: #""phase""#, "x")"##),
        (##"#checkpointKey(#"a\(b"#)"##, ###"key(arguments: ##"#"a\(b"#"##)"###),
        ("#checkpointKey(größe, `class`)", #"key(arguments: "größe", "`class`")"#),
    ])
    func textOfTheArgumentsIsTheKey(source: String, call: String) {
        expectExpansion(of: source, to: call)
    }

    @Test(arguments: [
        "#checkpointKey(\n    sum(a, b).rounded, [1, 2]\n)",
        "#checkpointKey(sum(\n    a,\n    b\n)\n.rounded, [ 1 ,  2 ])",
        "#checkpointKey(sum(a, /* the second */ b).rounded, [1,\t2]) // both",
        "#checkpointKey(sum( // first\n a, b).rounded,\n\n [\n1, 2\n])",
    ])
    func brokenLinesAndCommentsDoNotChangeTheKey(source: String) {
        let comment = source.hasSuffix("// both") ? " // both" : ""
        expectExpansion(of: source, to: #"key(arguments: "sum(a, b).rounded", "[1, 2]")"# + comment)
    }

    @Test func valuesAreHandedOn() {
        expectExpansion(of: "#checkpointKey(values: worker, step)", to: "key(values: worker, step)")
        expectExpansion(
            of: #"#checkpointKey(values: "worker \(n)", items.count)"#,
            to: #"key(values: "worker \(n)", items.count)"#)
    }

    @Test func interpolationIsRefused() {
        let source = #"#checkpointKey(a, "step \(n)")"#
        check(
            source, expands: source,
            diagnostics: [
                DiagnosticSpec(message: Self.interpolation, line: 1, column: 19, fixIts: [Self.useValues])
            ],
            applying: [Self.useValues.message], fixed: #"#checkpointKey(values: a, "step \(n)")"#)
    }

    @Test func aStringOfSeveralLinesIsRefused() {
        let source = "#checkpointKey(\"\"\"\n    a\n    \"\"\", b)"
        check(
            source, expands: source,
            diagnostics: [DiagnosticSpec(message: Self.severalLines, line: 1, column: 16, fixIts: [Self.useValues])],
            applying: [Self.useValues.message], fixed: "#checkpointKey(values: \"\"\"\n    a\n    \"\"\", b)")
    }

    @Test(arguments: [
        ("#checkpointKey(a, { 1 })", 19, "#checkpointKey(a)"),
        ("#checkpointKey({ 1 }, a)", 16, "#checkpointKey(a)"),
        ("#checkpointKey(a, b) { 1 }", 22, "#checkpointKey(a, b)"),
        ("#checkpointKey { 1 }", 16, "#checkpointKey()"),
        ("#checkpointKey(values: a) { 1 } last: { 2 }", 27, "#checkpointKey(values: a)"),
    ])
    func aClosureIsRefused(source: String, column: Int, fixed: String) {
        check(
            source, expands: source,
            diagnostics: [DiagnosticSpec(message: Self.closure, line: 1, column: column, fixIts: [Self.removeClosure])],
            applying: [Self.removeClosure.message], fixed: fixed)
    }

    @Test func aClosureInsideAnArgumentIsRefused() {
        let source = "#checkpointKey(items.map { $0 }, a)"
        check(
            source, expands: source,
            diagnostics: [DiagnosticSpec(message: Self.closure, line: 1, column: 26, fixIts: [Self.useValues])],
            applying: [Self.useValues.message], fixed: "#checkpointKey(values: items.map { $0 }, a)")
    }

    @Test func everyArgumentIsReported() {
        let source = #"#checkpointKey("\(a)", { 1 })"#
        check(
            source, expands: source,
            diagnostics: [
                DiagnosticSpec(message: Self.interpolation, line: 1, column: 16, fixIts: [Self.useValues]),
                DiagnosticSpec(message: Self.closure, line: 1, column: 24, fixIts: [Self.removeClosure]),
            ])
    }

    /// With the shortest module and function, `M_f_…`, the longest text that fits has 1,020 bytes.
    @Test func textThatCannotFitIsRefused() {
        let longest = String(repeating: "é", count: 510)
        expectExpansion(of: "#checkpointKey(\(longest))", to: "key(arguments: \"\(longest)\")")
        let source = "#checkpointKey(a, \(longest))"
        check(
            source, expands: source,
            diagnostics: [DiagnosticSpec(message: Self.tooLong, line: 1, column: 19, fixIts: [Self.useValues])],
            applying: [Self.useValues.message], fixed: "#checkpointKey(values: a, \(longest))")
    }
}
#endif
