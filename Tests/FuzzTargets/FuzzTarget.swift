package import FoundationEssentials

/// A part of the engine that reads bytes of any origin, made so that a fuzzer gets past the checksums: each run mends
/// those of its input and then does with it what the engine would. A run that finds something wrong traps.
package enum FuzzTarget: String, CaseIterable, Sendable {
    case frame, segment, footer, manifest, snapshot, cbor

    /// Inputs over this length are cut.
    package static let inputByteLimit = 16 << 10

    package func run(_ input: [UInt8]) {
        let input = Array(input.prefix(Self.inputByteLimit))
        switch self {
        case .frame: FrameTarget.run(input)
        case .segment: SegmentTarget.run(input)
        case .footer: FooterTarget.run(input)
        case .manifest: ManifestTarget.run(input)
        case .snapshot: SnapshotTarget.run(input)
        case .cbor: CBORTarget.run(input)
        }
    }

    /// What a fuzzer begins from: parts of the golden logs, and the examples of RFC 8949.
    package func seeds() throws -> [[UInt8]] {
        switch self {
        case .frame: try FrameTarget.seeds()
        case .segment: try SegmentTarget.seeds()
        case .footer: try FooterTarget.seeds()
        case .manifest: try ManifestTarget.seeds()
        case .snapshot: try SnapshotTarget.seeds()
        case .cbor: try CBORTarget.seeds()
        }
    }

    /// The inputs that are kept: what reached new code, and every one that showed a defect.
    package var corpus: URL {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus").appending(path: rawValue)
    }

    /// The corpus, each input with the name of its file.
    package func corpusInputs() throws -> [(name: String, bytes: [UInt8])] {
        try FileManager.default.contentsOfDirectory(atPath: corpus.path).sorted().map { name in
            (name, Array(try Data(contentsOf: corpus.appending(path: name))))
        }
    }

    static let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

    /// A file of a golden log.
    static func golden(_ log: String, _ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: tests.appending(path: "CheckpointLogTests/Golden/\(log)/\(name)")))
    }
}
