/// How much of a log a verification checks.
///
/// ```swift
/// let verifier = LogVerifier(directory: path, level: .deep)
/// ```
public enum VerificationLevel: String, Sendable, Codable, CaseIterable, Comparable {
    /// Checks the manifest, the files, their lengths and headers.
    case quick
    /// Also checks every checksum, the order of frames, promises, batches, footers and padding.
    case full
    /// Also decompresses and decodes every value, rebuilds the index and compares it, counts live bytes, and lists
    /// orphans.
    case deep

    /// Whether `left` checks less than `right`.
    public static func < (left: VerificationLevel, right: VerificationLevel) -> Bool {
        allCases.firstIndex(of: left) ?? 0 < allCases.firstIndex(of: right) ?? 0
    }
}
