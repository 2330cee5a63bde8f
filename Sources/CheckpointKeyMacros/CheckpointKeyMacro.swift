#if KeyMacro
internal import SwiftDiagnostics
public import SwiftSyntax
internal import SwiftSyntaxBuilder
public import SwiftSyntaxMacros

/// Expands `#checkpointKey(a, b)` and `#checkpointKey(values: a, b)`.
///
/// `#fileID` and `#function` are left to the compiler, which gives them their values at the macro's place.
public struct CheckpointKeyMacro: ExpressionMacro {
    /// Expands one use of the macro, or throws the diagnostics that say why it cannot make a key.
    public static func expansion(
        of node: some FreestandingMacroExpansionSyntax, in context: some MacroExpansionContext
    ) throws -> ExprSyntax {
        var diagnostics = closures(after: node)
        let isOfValues = node.arguments.first?.label?.text == valuesLabel
        if !isOfValues { diagnostics += node.arguments.flatMap { problems(in: $0, of: node) } }
        if diagnostics.isEmpty, !isOfValues, let problem = lengthProblem(of: node) { diagnostics.append(problem) }
        guard diagnostics.isEmpty else { throw DiagnosticsError(diagnostics: diagnostics) }

        let parts: ExprSyntax = "CheckpointKeys.KeyParts(fileID: #fileID, function: #function)"
        if isOfValues { return "\(parts).key(\(node.arguments.trimmed))" }
        guard !node.arguments.isEmpty else { return "\(parts).key()" }
        let texts = LabeledExprListSyntax {
            for (index, argument) in node.arguments.enumerated() {
                LabeledExprSyntax(
                    label: index == 0 ? "arguments" : nil,
                    expression: StringLiteralExprSyntax(content: argument.expression.keyText))
            }
        }
        return "\(parts).key(\(texts))"
    }

    static let valuesLabel = "values"

    /// `CheckpointKey.maximumByteCount`, which the compiler's plug-in does not link.
    static let maximumByteCount = 1_024

    private static func closures(after node: some FreestandingMacroExpansionSyntax) -> [Diagnostic] {
        guard let closure = node.trailingClosure else { return [] }
        var mended = node
        mended.trailingClosure = nil
        mended.additionalTrailingClosures = []
        if mended.leftParen == nil {
            mended.macroName.trailingTrivia = []
            mended.leftParen = .leftParenToken()
            mended.rightParen = .rightParenToken()
        }
        mended.rightParen?.trailingTrivia = []
        return [
            Diagnostic(
                node: closure, message: KeyProblem.closure,
                fixIt: .replace(message: KeyRemedy.removeClosure, oldNode: node, newNode: mended))
        ]
    }

    private static func problems(
        in argument: LabeledExprSyntax, of node: some FreestandingMacroExpansionSyntax
    ) -> [Diagnostic] {
        guard let (part, problem) = argument.expression.partWithoutKeyText else { return [] }
        // If the argument is a closure, it has no value to use either.
        let fixIt =
            argument.expression.is(ClosureExprSyntax.self) ? removal(of: argument, from: node) : useOfValues(in: node)
        return [Diagnostic(node: part, message: problem, fixIt: fixIt)]
    }

    private static func lengthProblem(of node: some FreestandingMacroExpansionSyntax) -> Diagnostic? {
        // A module and a function take a byte each, and every part after the first an underscore.
        let byteCount = node.arguments.reduce(3) { $0 + 1 + $1.expression.keyText.utf8.count }
        guard byteCount > maximumByteCount, let longest = node.arguments.max(by: { $0.keyByteCount < $1.keyByteCount })
        else { return nil }
        return Diagnostic(node: longest.expression, message: KeyProblem.tooLong, fixIt: useOfValues(in: node))
    }

    private static func useOfValues(in node: some FreestandingMacroExpansionSyntax) -> FixIt {
        var mended = node.arguments
        if var first = mended.first {
            let expression = first.expression.with(\.leadingTrivia, [])
            first = LabeledExprSyntax(
                leadingTrivia: first.leadingTrivia, label: .identifier(valuesLabel),
                colon: .colonToken(trailingTrivia: .space), expression: expression, trailingComma: first.trailingComma)
            mended[mended.startIndex] = first
        }
        return .replace(message: KeyRemedy.useValues, oldNode: node.arguments, newNode: mended)
    }

    private static func removal(
        of argument: LabeledExprSyntax, from node: some FreestandingMacroExpansionSyntax
    ) -> FixIt {
        var mended = node.arguments
        if let index = mended.firstIndex(where: { $0.id == argument.id }) { mended.remove(at: index) }
        if let last = mended.indices.last { mended[last].trailingComma = nil }
        return .replace(message: KeyRemedy.removeClosure, oldNode: node.arguments, newNode: mended)
    }
}

extension LabeledExprSyntax {
    fileprivate var keyByteCount: Int { expression.keyText.utf8.count }
}
#endif
