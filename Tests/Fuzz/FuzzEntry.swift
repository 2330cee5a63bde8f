import FoundationEssentials
import FuzzTargets

/// The target that the environment names.
let target: FuzzTarget = {
    let name = ProcessInfo.processInfo.environment["CHECKPOINT_LOG_FUZZ_TARGET"] ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        preconditionFailure("CHECKPOINT_LOG_FUZZ_TARGET names one of \(FuzzTarget.allCases.map(\.rawValue)).")
    }
    return target
}()

/// Called by libFuzzer once for every input. Its name and type are libFuzzer's.
@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    unsafe target.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
    return 0
}
