#if KeyMacro
public import CheckpointLog

/// The parts of a key where `#checkpointKey` stands; what the macro expands to.
///
/// Use the macro: it gives the parts their values where it stands.
///
/// ```swift
/// KeyParts(fileID: #fileID, function: #function).key(arguments: "a", "b")  // #checkpointKey(a, b)
/// ```
public struct KeyParts: Sendable {
    private var name: String

    /// Takes the module out of `fileID` and the name out of `function`.
    ///
    /// - Parameters:
    ///   - fileID: `#fileID`: the module, a slash and the file.
    ///   - function: `#function`: a name, followed by its parameters in parentheses if it has any.
    public init(fileID: String, function: String) {
        name = String(fileID.prefix { $0 != "/" })
        name += "_"
        // The last parenthesis: a raw identifier may hold others.
        if function.utf8.last == UInt8(ascii: ")"), let parameters = function.lastIndex(of: "(") {
            name += function[..<parameters]
        } else {
            name += function
        }
    }

    /// The key of the module, the function and `arguments`, joined with underscores.
    public func key(arguments: String...) -> CheckpointKey {
        CheckpointKey(arguments.reduce(into: name) { $0 += "_" + $1 })
    }

    /// The key of the module, the function and the descriptions of `values`, joined with underscores.
    public func key<each Value: CustomStringConvertible>(values: repeat each Value) -> CheckpointKey {
        var name = name
        for value in repeat each values { name += "_" + value.description }
        return CheckpointKey(name)
    }
}
#endif
