// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "checkpoint-log-benchmarks",
    platforms: [.macOS(.v15)],
    traits: [
        .trait(name: "SQLite", description: "The peer SQLite; brings in GRDB, which takes two minutes to compile."),
        .default(enabledTraits: ["SQLite"]),
    ],
    dependencies: [
        // Named, so that the clone's folder may be called anything.
        .package(name: "checkpoint-log", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        .systemLibrary(name: "CLMDB", providers: [.apt(["liblmdb-dev"]), .brew(["lmdb"])]),
        .systemLibrary(name: "CRocksDB", providers: [.apt(["librocksdb-dev"]), .brew(["rocksdb"])]),
        .systemLibrary(name: "CLevelDB", providers: [.apt(["libleveldb-dev"]), .brew(["leveldb"])]),
        .target(name: "CMeasure"),
        .executableTarget(
            name: "checkpoint-bench",
            dependencies: [
                "CLMDB", "CRocksDB", "CLevelDB", "CMeasure",
                .product(name: "CheckpointLog", package: "checkpoint-log"),
                .product(name: "CBOR", package: "checkpoint-log"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "GRDB", package: "GRDB.swift", condition: .when(traits: ["SQLite"])),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6)]),
    ]
)
