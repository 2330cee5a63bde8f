import FoundationEssentials
import FuzzTargets

/// Called by libFuzzer before its first input. Writes the target's seeds into the directory that
/// `CHECKPOINT_LOG_FUZZ_SEEDS` names.
@_cdecl("LLVMFuzzerInitialize")
func initializeFuzzer(_ count: UnsafeMutablePointer<CInt>?, _ arguments: UnsafeMutableRawPointer?) -> CInt {
    guard let directory = ProcessInfo.processInfo.environment["CHECKPOINT_LOG_FUZZ_SEEDS"] else { return 0 }
    do {
        let folder = URL(filePath: directory)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (index, seed) in try target.seeds().enumerated() {
            try Data(seed.prefix(FuzzTarget.inputByteLimit)).write(to: folder.appending(path: "seed-\(index)"))
        }
    } catch {
        preconditionFailure("The seeds cannot be written: \(error)")
    }
    return 0
}
