// swift-tools-version: 6.2
import PackageDescription

/// The examples are compiled as strictly as the library.
var swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]
if Context.environment["CHECKPOINT_LOG_WARNINGS_AS_ERRORS"] != nil {
    swiftSettings.append(.treatAllWarnings(as: .error))
}

let package = Package(
    name: "checkpoint-log-examples",
    platforms: [.macOS(.v15)],
    dependencies: [
        // Named, so that the clone's folder may be called anything.
        .package(name: "checkpoint-log", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.6.0"),
    ],
    targets: [
        .executableTarget(
            name: "digits",
            dependencies: [
                .product(name: "CheckpointLog", package: "checkpoint-log"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            resources: [.copy("Resources/digits.csv")],
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "tree",
            dependencies: [
                .product(name: "CheckpointLog", package: "checkpoint-log"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swiftSettings),
    ]
)
