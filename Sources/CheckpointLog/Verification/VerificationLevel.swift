/// How much of a log a verification looks at.
///
/// ```swift
/// let verifier = LogVerifier(directory: path, level: .deep)
/// ```
public enum VerificationLevel: String, Sendable, Codable, CaseIterable, Comparable {
    /// The manifest, the files, their lengths and headers.
    case quick
    /// Every checksum, order, promise, batch, footer and padding as well.
    case full
    /// Decompresses, checks content and CBOR, rebuilds the index and compares it, accounts live bytes, and names
    /// orphans.
    case deep

    /// Orders by how much is looked at.
    public static func < (left: VerificationLevel, right: VerificationLevel) -> Bool {
        allCases.firstIndex(of: left) ?? 0 < allCases.firstIndex(of: right) ?? 0
    }
}
