#if KeyMacro
internal import SwiftDiagnostics

/// Why arguments cannot make a key.
enum KeyProblem: String, DiagnosticMessage {
    case closure, interpolation, severalLines, tooLong

    var message: String {
        switch self {
        case .closure:
            "a closure cannot be part of a checkpoint key"
        case .interpolation:
            "a checkpoint key is made of the text of its arguments, and an interpolated string's text is not its value"
        case .severalLines:
            "a string of several lines cannot be part of a checkpoint key"
        case .tooLong:
            "the text of the arguments makes a checkpoint key of over \(CheckpointKeyMacro.maximumByteCount) bytes"
        }
    }

    var diagnosticID: MessageID { MessageID(domain: "CheckpointKeyMacros", id: rawValue) }
    var severity: DiagnosticSeverity { .error }
}

/// What a fix-it does about a problem.
enum KeyRemedy: String, FixItMessage {
    case useValues, removeClosure

    var message: String {
        switch self {
        case .useValues: "make the key of the arguments' values"
        case .removeClosure: "remove the closure"
        }
    }

    var fixItID: MessageID { MessageID(domain: "CheckpointKeyMacros", id: rawValue) }
}
#endif
