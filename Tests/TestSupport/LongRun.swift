#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Whether the environment asks for the long amounts: `CHECKPOINT_LOG_LONG=1`.
package var isLongRun: Bool { ProcessInfo.processInfo.environment["CHECKPOINT_LOG_LONG"] == "1" }
