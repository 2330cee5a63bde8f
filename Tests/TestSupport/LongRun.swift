#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Whether the environment asks for the long amounts: `CHECKPOINT_LOG_LONG=1`.
package let isLongRun = ProcessInfo.processInfo.environment["CHECKPOINT_LOG_LONG"] == "1"

/// Whether it asks for the short ones, as the address sanitizer does, which takes six times as long, and the mutants,
/// which are many: `CHECKPOINT_LOG_SHORT=1`.
package let isShortRun = ProcessInfo.processInfo.environment["CHECKPOINT_LOG_SHORT"] == "1"

/// Whether sweeps take a part of what they take in `-c release`: where nothing is optimized, and in short runs.
package var takesSamples: Bool {
    #if DEBUG
    true
    #else
    isShortRun
    #endif
}
