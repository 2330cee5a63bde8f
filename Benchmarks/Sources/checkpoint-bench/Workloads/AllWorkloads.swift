/// In the order in which they are run.
let allWorkloads: [any Workload] =
    [
        SmallWritten(taskCount: 1), SmallWritten(taskCount: 1, form: .direct),
        SmallWritten(taskCount: 1, form: .raw), SmallWritten(taskCount: 2),
        SmallWritten(taskCount: 8), MediumWritten(byteCount: 32 << 10), MediumWritten(byteCount: 256 << 10),
        MediumWritten(byteCount: 1 << 20), MediumWritten(byteCount: 4 << 20), MediumWritten(byteCount: 64 << 20),
        Durable(taskCount: 1), Durable(taskCount: 16), LargeDurable(isNoisy: true), LargeDurable(isNoisy: false),
        MemoryLevel(changesAnElement: false), MemoryLevel(changesAnElement: true),
        RestoreSmall(keyCount: 10_000, isDecoded: false), RestoreSmall(keyCount: 10_000, isDecoded: true),
        RestoreSmall(keyCount: 1_000_000, isDecoded: false), RestoreSmall(keyCount: 1_000_000, isDecoded: true),
        ManyKeys(isListing: true), ManyKeys(isListing: false), SnapshotRestore(),
        RestoreLarge(), Reopen(wasKilled: false, isDistinct: false), Reopen(wasKilled: true, isDistinct: false),
        Reopen(wasKilled: false, isDistinct: true), Reopen(wasKilled: true, isDistinct: true), IndexMemory(),
        OverwriteSoak(choice: .uniform), OverwriteSoak(choice: .zipf),
        LargeSoak(durability: .written), LargeSoak(durability: .synced), Verify(isQuarter: false),
        Verify(isQuarter: true), OpenMany(),
    ] + Codec.Shape.allCases.map { Codec(shape: $0) } + [Growth(isWriting: true), Growth(isWriting: false)]
