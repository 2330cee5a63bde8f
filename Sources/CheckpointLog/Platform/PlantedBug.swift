#if PLANTED_BUGS
#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Bugs of one line each, one of which is planted when the environment names it, to prove that a test sees it.
///
/// None of this is in a build without `CHECKPOINT_LOG_PLANTED_BUGS`; see `Scripts/planted-bugs` and
/// `Tests/PlantedBugs.tsv`.
package enum PlantedBug: String, CaseIterable, Sendable {
    // What is durable, and when that is said.
    case segmentNameNotSynced = "segment-name-not-synced"
    case renameNotSynced = "rename-not-synced"
    case acknowledgedBeforeSync = "acknowledged-before-sync"
    case rolledSegmentNotSynced = "rolled-segment-not-synced"
    case syncedPositionStatedEarly = "synced-position-stated-early"
    case writtenPositionStatedEarly = "written-position-stated-early"
    case batchPositionNotStated = "batch-position-not-stated"
    case quietPromiseMissing = "quiet-promise-missing"
    case sealedBeforeSync = "sealed-before-sync"
    case predecessorsNotSynced = "predecessors-not-synced"
    case outputNotSynced = "output-not-synced"
    case valueNotSynced = "value-not-synced"
    case snapshotBeforeSync = "snapshot-before-sync"
    case poisonIgnored = "poison-ignored"
    case failedSyncForgiven = "failed-sync-forgiven"
    // Numbers, batches and who may write.
    case limitsNotKept = "limits-not-kept"
    case epochReused = "epoch-reused"
    case lateNumberForgotten = "late-number-forgotten"
    case olderRecordWins = "older-record-wins"
    case batchFlagMissing = "batch-flag-missing"
    case cutBatchVisited = "cut-batch-visited"
    case lockGivenBack = "lock-given-back"
    case standardStreamTaken = "standard-stream-taken"
    case directoryFoundAgain = "directory-found-again"
    case lockNotLookedFor = "lock-not-looked-for"
    case forkIgnored = "fork-ignored"
    case positionWrittenInPlace = "position-written-in-place"
    case sharedBlocksMapped = "shared-blocks-mapped"
    case removalLeavesMemory = "removal-leaves-memory"
    // Recovery and following.
    case olderManifestTrusted = "older-manifest-trusted"
    case promiseIgnored = "promise-ignored"
    case chainLinkNotChecked = "chain-link-not-checked"
    case surplusKept = "surplus-kept"
    case anyBootTrusted = "any-boot-trusted"
    case missingSegmentForgiven = "missing-segment-forgiven"
    case lostPositionForgiven = "lost-position-forgiven"
    case impossiblePositionBelieved = "impossible-position-believed"
    case predecessorRemovedFirst = "predecessor-removed-first"
    case placeIgnored = "place-ignored"
    case writtenBelievedAfterFailure = "written-believed-after-failure"
    case noBootTrusted = "no-boot-trusted"
    case unsyncedNotRewritten = "unsynced-not-rewritten"
    case referencedValueRemoved = "referenced-value-removed"
    case staleSnapshotTrusted = "stale-snapshot-trusted"
    case goneSegmentsFollowed = "gone-segments-followed"
    case goneGroupKept = "gone-group-kept"
    // Compaction.
    case supersederNotSynced = "superseder-not-synced"
    case inputsRemovedBeforeEdit = "inputs-removed-before-edit"
    case removalMarkerDropped = "removal-marker-dropped"
    case removalOfAllDropped = "removal-of-all-dropped"
    case groupMemberDropped = "group-member-dropped"
    case endedGroupKept = "ended-group-kept"
    case checksumLaundered = "checksum-laundered"
    // What a reader compares.
    case placeNotChecked = "place-not-checked"
    case payloadNotChecked = "payload-not-checked"
    case paddingNotChecked = "padding-not-checked"
    case contentNotChecked = "content-not-checked"
    case manifestNotChecked = "manifest-not-checked"
    case sealedLengthNotChecked = "sealed-length-not-checked"
    case keyNotCompared = "key-not-compared"
    case numberNotCompared = "number-not-compared"
    // What the calls of the interface mean.
    case severalUnmarked = "several-unmarked"
    case notPassedUp = "not-passed-up"
    case objectKept = "object-kept"
    case keyNotRemoved = "key-not-removed"
    case allNotRemoved = "all-not-removed"
    case nobodyAboveAsked = "nobody-above-asked"
    case memoryDecoded = "memory-decoded"
    case dateIgnored = "date-ignored"
    case versionIgnored = "version-ignored"
    case historyOfOne = "history-of-one"
    case listingOfAllLevels = "listing-of-all-levels"
    case restoredOneOfAll = "restored-one-of-all"
    case intervalsOn = "intervals-on"
    case intervalReset = "interval-reset"
    case secondTimer = "second-timer"
    case timersNotStopped = "timers-not-stopped"
    case costOfAnother = "cost-of-another"
    case sourceOverlaps = "source-overlaps"
    case failureUnheard = "failure-unheard"
    case nothingTakenOver = "nothing-taken-over"
    case oneLevelLoaded = "one-level-loaded"
    case descendantsForgotten = "descendants-forgotten"
    case namelessChild = "nameless-child"
    case memoryNotSaved = "memory-not-saved"

    /// The bug of this process; nil for none.
    private static let chosen = ProcessInfo.processInfo.environment["CHECKPOINT_LOG_PLANTED_BUG"]
        .flatMap(PlantedBug.init(rawValue:))

    package var isPlanted: Bool { self == Self.chosen }
}
#endif
