#if KeyMacro
internal import SwiftSyntax

extension ExprSyntax {
    /// The source text in the one form that a key has, however its lines are broken.
    ///
    /// White space between two tokens is one space; after an opening bracket, and before a closing one, a comma and the
    /// period of a member, none. Comments count as white space. What stands inside a string literal stays as it is.
    var keyText: String {
        var text = ""
        var previous: TokenSyntax?
        for token in tokens(viewMode: .sourceAccurate) {
            if let previous, !previous.trailingTrivia.isEmpty || !token.leadingTrivia.isEmpty, !previous.opensBracket,
                !token.closesUp
            {
                text += " "
            }
            text += token.text
            previous = token
        }
        return text
    }

    /// The first part whose text does not determine what it means, and why; nil if the whole text can be a key.
    var partWithoutKeyText: (part: Syntax, problem: KeyProblem)? {
        let visitor = KeyTextVisitor(viewMode: .sourceAccurate)
        visitor.walk(self)
        return visitor.found
    }
}

extension TokenSyntax {
    fileprivate var opensBracket: Bool {
        switch tokenKind {
        case .leftParen, .leftSquare, .leftAngle: true
        default: false
        }
    }

    /// Whether no space goes before the token.
    fileprivate var closesUp: Bool {
        switch tokenKind {
        case .rightParen, .rightSquare, .rightAngle, .comma: true
        // The period of `.zero` begins an expression; that of `x.count` continues one.
        case .period: parent?.as(MemberAccessExprSyntax.self)?.base != nil
        default: false
        }
    }
}

private final class KeyTextVisitor: SyntaxVisitor {
    private(set) var found: (part: Syntax, problem: KeyProblem)?

    override func visit(_ node: ClosureExprSyntax) -> SyntaxVisitorContinueKind {
        report(node, .closure)
    }

    override func visit(_ node: StringLiteralExprSyntax) -> SyntaxVisitorContinueKind {
        if node.openingQuote.tokenKind == .multilineStringQuote { return report(node, .severalLines) }
        let isInterpolated = node.segments.contains { $0.is(ExpressionSegmentSyntax.self) }
        return isInterpolated ? report(node, .interpolation) : .skipChildren
    }

    private func report(_ node: some SyntaxProtocol, _ problem: KeyProblem) -> SyntaxVisitorContinueKind {
        if found == nil { found = (Syntax(node), problem) }
        return .skipChildren
    }
}
#endif
