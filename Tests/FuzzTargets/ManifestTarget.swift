import CheckpointLog

/// A manifest after its magic and checksum. The sound log's own identity is put in where the input's first bit asks
/// for it, so that its files fit.
enum ManifestTarget {
    static func run(_ input: [UInt8]) {
        guard let first = input.first else { return }
        var bytes = Manifest.magic + [0, 0, 0, 0] + input.dropFirst()
        if first & 1 == 1, bytes.count >= 64 {
            bytes.replaceSubrange(32..<64, with: FuzzLog.manifest.bytes[32..<64])
        }
        FuzzLog.seal(&bytes, at: 8)
        do {
            if let manifest = try Manifest(bytes, path: "") {
                // Optional features are passed over, and not written.
                var plain = bytes
                for index in 24..<32 { plain[index] = 0 }
                FuzzLog.seal(&plain, at: 8)
                precondition(manifest.bytes == plain, "A manifest comes back.")
                plan(manifest.segments)
            }
        } catch {
            precondition((error as? CheckpointLogError)?.code == .unsupportedFormat, "\(error)")
        }
        FuzzLog.survey(with: [FileName.manifest: bytes])
    }

    private static func plan(_ segments: [Manifest.Segment]) {
        for fully in [false, true] {
            _ = CompactionPlan.plan(
                segments: segments, liveByteCount: { Int($0.rawValue % 3) << 10 }, now: 1_700_000_000_000_000,
                outputLimit: 64 << 10, fully: fully)
        }
    }

    static func seeds() throws -> [[UInt8]] {
        let golden = try ["v1-closed", "v1-killed"].map { try FuzzTarget.golden($0, FileName.manifest) }
        return (golden + [FuzzLog.manifest.bytes]).flatMap { bytes in
            [[1] + bytes.dropFirst(12), [0] + bytes.dropFirst(12)]
        }
    }
}
