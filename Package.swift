// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target is compiled the same way: Swift 6 mode, every unsafe construct marked, and the upcoming
/// features that make an import, an existential and an isolation visible where they are used.
var swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]
// Continuous integration sets this; a user's newer compiler with a new warning must not break their build.
if Context.environment["CHECKPOINT_LOG_WARNINGS_AS_ERRORS"] != nil {
    swiftSettings.append(.treatAllWarnings(as: .error))
}

let package = Package(
    name: "checkpoint-log",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "CheckpointLog", targets: ["CheckpointLog"]),
        .library(name: "CBOR", targets: ["CBOR"]),
        .executable(name: "checkpoint-log", targets: ["checkpoint-log"]),
        .executable(name: "log-verify", targets: ["log-verify"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-system", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.7.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"]), .brew(["lz4"])]),
        .systemLibrary(
            name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
        .target(name: "CChecksum"),
        .target(name: "CPlatform"),
        .target(name: "CBOR", swiftSettings: swiftSettings),
        .target(
            name: "CheckpointLog",
            dependencies: [
                "CBOR", "CChecksum", "CLZ4", "CPlatform", "CZlib",
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
            ],
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "log-verify",
            dependencies: [
                "CheckpointLog",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "checkpoint-log",
            dependencies: [
                "CheckpointLog",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: swiftSettings),
        .target(
            name: "TestSupport",
            dependencies: ["CheckpointLog", .product(name: "SystemPackage", package: "swift-system")],
            path: "Tests/TestSupport", swiftSettings: swiftSettings),
        .testTarget(
            name: "CBORTests", dependencies: ["CBOR"], resources: [.copy("Vectors"), .copy("Peer")],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "CheckpointLogTests",
            dependencies: [
                "CheckpointLog", "CBOR", "CChecksum", "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            exclude: ["Golden"], swiftSettings: swiftSettings),
        .testTarget(
            name: "CheckpointLogToolTests",
            dependencies: [
                "checkpoint-log", "CheckpointLog", "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: swiftSettings),
    ]
)
