import CheckpointLog
package import SystemPackage

/// One call of the file system, as the trace and the faults see it.
package struct SimulatedCall: Sendable, Equatable {
    /// Counted from 1, all calls of a disk.
    package var number: Int
    package var operation: Operation
    package var path: FilePath
    package var destination: FilePath?
    package var offset: Int
    package var byteCount: Int
    /// What the call was answered with, in the trace.
    package var failure: Errno?

    package init(
        number: Int = 0, operation: Operation, path: FilePath, destination: FilePath? = nil, offset: Int = 0,
        byteCount: Int = 0, failure: Errno? = nil
    ) {
        self.number = number
        self.operation = operation
        self.path = path
        self.destination = destination
        self.offset = offset
        self.byteCount = byteCount
        self.failure = failure
    }

    package enum Operation: String, Sendable, CaseIterable {
        case openDirectory, open, create, createDirectory, list, rename, link, remove, syncDirectory
        case lock, isLocked, isInPlace
        case size, read, readIfCached, write, reserve, map, populate, store, storeWord, truncate, sync

        /// Whether the call changes the disk: these are the points at which the power can be cut.
        package var isMutating: Bool {
            switch self {
            case .openDirectory, .open, .list, .isLocked, .isInPlace, .size, .read, .readIfCached, .map, .populate:
                false
            default: true
            }
        }

        /// Whether part of the call can be carried out.
        var isDivisible: Bool {
            switch self {
            case .read, .readIfCached, .write, .store, .storeWord: true
            default: false
            }
        }

        /// No store can be refused, and nobody hears of it when the hint to populate pages is.
        package var isUnheard: Bool { self == .store || self == .storeWord || self == .populate }

        var named: FileSystemError.Operation {
            switch self {
            case .open, .openDirectory, .create: .open
            case .createDirectory: .createDirectory
            case .list: .list
            case .rename: .rename
            case .link: .link
            case .remove: .remove
            case .syncDirectory: .syncDirectory
            case .lock, .isLocked, .isInPlace: .lock
            case .size: .size
            case .read, .readIfCached: .read
            case .write, .store, .storeWord: .write
            case .reserve: .reserve
            case .map, .populate: .map
            case .truncate: .truncate
            case .sync: .sync
            }
        }
    }
}

/// Whether a simulated file system takes mapped stores.
package enum SimulatedMapping: Sendable, CaseIterable {
    case allowed
    case refused
}
