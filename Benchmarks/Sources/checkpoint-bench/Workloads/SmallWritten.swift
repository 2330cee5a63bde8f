import CBOR
import CheckpointLog

/// W1, W2: a simulation that hands over a small state after every step, under many keys in turn, and must not lose it
/// to a kill. With several tasks: walkers that share one log. Direct: a struct with `@Checkpointable`. Raw: the same
/// bytes, which the simulation has encoded.
struct SmallWritten: Workload {
    enum Form: String {
        case codable = ""
        case direct = "-direct"
        case raw = "-raw"
    }

    let taskCount: Int
    var form = Form.codable

    var name: String { "small-written" + form.rawValue + (taskCount == 1 ? "" : "-\(taskCount)") }
    let unit = "µs"
    var isInShortRun: Bool { taskCount == 1 }
    let isRate = false

    private static let keyCount = 10_000

    private func count(_ isQuick: Bool) -> Int { isQuick ? 20_000 : 400_000 }

    func summary(isQuick: Bool) -> String {
        """
        \(count(isQuick)) checkpoints of \(form == .raw ? "the encoded bytes of " : "")a struct of 9 fields\
        \(form == .direct ? " that writes its own map" : ""), \
        \(Self.keyCount) keys in turn, \
        \(taskCount == 1 ? "one task" : "\(taskCount) tasks"), safe from kill -9
        """
    }

    func contenders(isQuick: Bool) -> [Contender] {
        let total = count(isQuick)
        guard taskCount == 1 else {
            let single = SmallWritten(taskCount: 1).ours(total) { Sample($0) }
            return [ours(total) { Sample($0) }, Contender(name: "one task", role: .limit, prepare: single.prepare)]
        }
        let ours =
            switch form {
            case .codable: ours(total) { Sample($0) }
            case .direct: ours(total) { DirectSample($0) }
            case .raw: oursRaw(total)
            }
        return [ours]
            + [PeerKind.lmdb, .rocksdb, .leveldb, .sqlite].map { peer($0, .peer, total) }
            + [peer(.lmdbWriteMap, .shown, total), peer(.json, .peer, total / 100), floor(total), limit(total)]
    }

    private func ours<State: Codable & Sendable>(
        _ total: Int, _ state: @escaping @Sendable (Int) -> State
    ) -> Contender {
        let taskCount = taskCount
        return Contender(name: "ours", role: .ours) { directory in
            let log = try await CheckpointLog.open(at: directory + "/log")
            let keys = (0..<Self.keyCount).map { CheckpointKey(key($0)) }
            let states = (0..<Self.keyCount).map(state)
            return Session {
                let share = total / taskCount
                let time = try await seconds {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for task in 0..<taskCount {
                            group.addTask {
                                for number in task * share..<(task + 1) * share {
                                    let index = number % Self.keyCount
                                    try await log.checkpoint(states[index], for: keys[index])
                                }
                            }
                        }
                        try await group.waitForAll()
                    }
                }
                return time / Double(share * taskCount) * 1e6
            } finish: {
                try await log.close()
            } bytesWrittenPerByte: {
                try log.statistics.bytesWritten(perByteOf: Sample.meanByteCount(Self.keyCount))
            }
        }
    }

    private func oursRaw(_ total: Int) -> Contender {
        Contender(name: "ours", role: .ours) { directory in
            let log = try await CheckpointLog.open(at: directory + "/log")
            let keys = (0..<Self.keyCount).map { CheckpointKey(key($0)) }
            let values = try (0..<Self.keyCount).map { try Sample.encoded($0) }
            return Session {
                let time = try await seconds {
                    for number in 0..<total {
                        let index = number % Self.keyCount
                        try await log.checkpoint(bytes: values[index], for: keys[index])
                    }
                }
                return time / Double(total) * 1e6
            } finish: {
                try await log.close()
            } bytesWrittenPerByte: {
                try log.statistics.bytesWritten(perByteOf: Sample.meanByteCount(Self.keyCount))
            }
        }
    }

    private func peer(_ kind: PeerKind, _ role: Contender.Role, _ total: Int) -> Contender {
        Contender(name: kind.rawValue, role: role) { directory in
            let peer = try kind.open(directory + "/store", .written)
            let keys = (0..<Self.keyCount).map { Array(key($0).utf8) }
            let values = try (0..<Self.keyCount).map { try Sample.encoded($0) }
            return Session {
                let time = try await seconds {
                    for number in 0..<total {
                        let index = number % Self.keyCount
                        try peer.put(keys[index], values[index])
                    }
                }
                return time / Double(total) * 1e6
            } finish: {
                peer.close()
            }
        }
    }

    /// The encoding in this form, and a store of as many bytes as a frame of ours has into mapped files, each of which
    /// is synced behind. No checksum, no lock, no table of the keys.
    private func floor(_ total: Int) -> Contender {
        let form = form
        return Contender(name: "encode and store, each file synced", role: .shown) { directory in
            // A frame's header has 64 bytes.
            let padding = 64 + key(0).utf8.count
            let states = (0..<Self.keyCount).map { Sample($0) }
            let direct = (0..<Self.keyCount).map { DirectSample($0) }
            let values = try states.map { try CBOREncoder().encode($0) }
            let buffer = CBOREncodingBuffer()
            let files = SyncedFiles(directory, isMapped: true)
            return Session {
                let time = try await seconds {
                    for number in 0..<total {
                        let index = number % Self.keyCount
                        buffer.removeAll()
                        switch form {
                        case .codable: try buffer.encode(states[index])
                        case .direct: try buffer.encode(direct[index])
                        case .raw:
                            try values[index].withUnsafeBytes { try files.append($0, padding: padding) }
                            continue
                        }
                        try files.append(buffer.bytes, padding: padding)
                    }
                }
                return time / Double(total) * 1e6
            } finish: {
                files.close()
            }
        }
    }

    /// One `write` of the same bytes for each.
    private func limit(_ total: Int) -> Contender {
        Contender(name: "write", role: .limit) { directory in
            let file = try RawFile(directory + "/file")
            let value = try Sample.encoded(1)
            return Session {
                let time = try await seconds { for _ in 0..<total { try file.append(value) } }
                file.rewind()
                return time / Double(total) * 1e6
            } finish: {
                file.close()
            }
        }
    }
}

extension Statistics {
    /// Bytes written, those of compaction, footers and the manifest included, for each byte of payload handed over.
    func bytesWritten(perByteOf payloadByteCount: Double) -> Double? {
        recordCount > 0 ? Double(writtenByteCount) / (Double(recordCount) * payloadByteCount) : nil
    }
}
