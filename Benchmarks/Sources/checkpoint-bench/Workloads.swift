/// Every workload, in the order in which they are run.
let allWorkloads: [any Workload] =
    [
        SmallWritten(taskCount: 1), SmallWritten(taskCount: 2), SmallWritten(taskCount: 8), Durable(taskCount: 1),
        Durable(taskCount: 16), LargeDurable(isNoisy: true), LargeDurable(isNoisy: false),
        MemoryLevel(changesAnElement: false), MemoryLevel(changesAnElement: true),
        RestoreSmall(keyCount: 10_000, isDecoded: false), RestoreSmall(keyCount: 10_000, isDecoded: true),
        RestoreSmall(keyCount: 1_000_000, isDecoded: false), RestoreSmall(keyCount: 1_000_000, isDecoded: true),
        RestoreLarge(), Reopen(wasKilled: false), Reopen(wasKilled: true), Verify(),
    ] + Codec.Shape.allCases.map { Codec(shape: $0) }
