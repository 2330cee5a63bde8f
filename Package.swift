// swift-tools-version: 6.2
import CompilerPluginSupport
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

// What the tests spend their time in is the engine and TestSupport. Optimizing their own code takes four minutes, and
// saves none.
var testSettings = swiftSettings
if Context.environment["CHECKPOINT_LOG_PLAIN_TESTS"] != nil { testSettings.append(.unsafeFlags(["-Onone", "-gnone"])) }

let sampleSettings: [SwiftSetting] =
    Context.environment["CHECKPOINT_LOG_WARNINGS_AS_ERRORS"] != nil ? [.treatAllWarnings(as: .error)] : []

let package = Package(
    name: "checkpoint-log",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "CheckpointLog", targets: ["CheckpointLog"]),
        .library(name: "CBOR", targets: ["CBOR"]),
        .executable(name: "checkpoint-log", targets: ["checkpoint-log"]),
        .executable(name: "log-verify", targets: ["log-verify"]),
        .library(name: "CheckpointKeys", targets: ["CheckpointKeys"]),
        .library(name: "CheckpointLogLifecycle", targets: ["CheckpointLogLifecycle"]),
    ],
    // None is on by default: who uses the core alone resolves, builds and links nothing of what they bring in.
    traits: [
        .trait(name: "KeyMacro", description: "The macro #checkpointKey of CheckpointKeys; brings in swift-syntax."),
        .trait(
            name: "Lifecycle",
            description: "The service of CheckpointLogLifecycle; brings in swift-service-lifecycle."),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-system", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.7.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/swiftlang/swift-syntax", "602.0.0"..<"604.0.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.6.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"]), .brew(["lz4"])]),
        .systemLibrary(
            name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
        .target(name: "CChecksum"),
        .target(name: "CPlatform"),
        .target(name: "CBOR", dependencies: ["CPlatform"], swiftSettings: swiftSettings),
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
                .product(name: "SystemPackage", package: "swift-system"),
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
        .macro(
            name: "CheckpointKeyMacros",
            dependencies: [
                .product(name: "SwiftParser", package: "swift-syntax", condition: .when(traits: ["KeyMacro"])),
                .product(name: "SwiftSyntax", package: "swift-syntax", condition: .when(traits: ["KeyMacro"])),
                .product(name: "SwiftDiagnostics", package: "swift-syntax", condition: .when(traits: ["KeyMacro"])),
                .product(name: "SwiftSyntaxBuilder", package: "swift-syntax", condition: .when(traits: ["KeyMacro"])),
                .product(name: "SwiftSyntaxMacros", package: "swift-syntax", condition: .when(traits: ["KeyMacro"])),
                .product(name: "SwiftCompilerPlugin", package: "swift-syntax", condition: .when(traits: ["KeyMacro"])),
            ],
            swiftSettings: swiftSettings),
        .target(
            name: "CheckpointKeys",
            dependencies: [
                "CBOR", "CheckpointLog", .target(name: "CheckpointKeyMacros", condition: .when(traits: ["KeyMacro"])),
            ],
            swiftSettings: swiftSettings),
        .target(
            name: "CheckpointLogLifecycle",
            dependencies: [
                "CheckpointLog", .product(name: "Logging", package: "swift-log"),
                .product(
                    name: "ServiceLifecycle", package: "swift-service-lifecycle",
                    condition: .when(traits: ["Lifecycle"])),
            ],
            swiftSettings: swiftSettings),
        // No products: `Scripts/demo` builds and runs them. Here rather than in a package of their own, so that one
        // build of the engine serves them, the tools and the tests.
        .executableTarget(
            name: "DigitsExample",
            dependencies: [
                "CheckpointLog",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Examples/digits", resources: [.copy("Resources/digits.csv")], swiftSettings: swiftSettings),
        .executableTarget(
            name: "TreeExample",
            dependencies: ["CheckpointLog", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "Examples/tree", swiftSettings: swiftSettings),
        .target(
            name: "TestSupport",
            dependencies: [
                "CheckpointLog", .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Tests/TestSupport", swiftSettings: swiftSettings),
        .target(
            name: "FuzzTargets",
            dependencies: [
                "CBOR", "CheckpointLog", "TestSupport", .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Tests/FuzzTargets", exclude: ["Corpus"], swiftSettings: swiftSettings),
        .testTarget(
            name: "CBORTests", dependencies: ["CBOR", "TestSupport"], resources: [.copy("Vectors"), .copy("Peer")],
            swiftSettings: testSettings),
        .testTarget(
            name: "CheckpointLogTests",
            dependencies: [
                "CheckpointLog", "CBOR", "CChecksum", "FuzzTargets", "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            exclude: ["Golden", "Peer/compare.py"], swiftSettings: testSettings),
        // A process for tests to kill.
        .executableTarget(
            name: "KilledWriter", dependencies: ["CheckpointLog", "TestSupport"], path: "Tests/KilledWriter",
            swiftSettings: swiftSettings),
        // A process with a thousand tasks, which Scripts/torture runs.
        .executableTarget(
            name: "LoadedLog",
            dependencies: [
                "CheckpointLog", "TestSupport", .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Tests/LoadedLog", swiftSettings: swiftSettings),
        .testTarget(
            name: "CheckpointLogToolTests",
            dependencies: [
                "KilledWriter", "checkpoint-log", "log-verify", "CheckpointLog", "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            exclude: ["Answers"], swiftSettings: testSettings),
        // The samples of the guides, compiled as a user's code is.
        .testTarget(
            name: "GuideTests",
            dependencies: [
                "CheckpointLog", "CheckpointLogLifecycle", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(
                    name: "ServiceLifecycle", package: "swift-service-lifecycle",
                    condition: .when(traits: ["Lifecycle"])),
            ],
            swiftSettings: sampleSettings),
        .testTarget(
            name: "CheckpointKeyMacrosTests",
            dependencies: [
                .target(name: "CheckpointKeyMacros", condition: .when(traits: ["KeyMacro"])),
                .product(name: "SwiftSyntax", package: "swift-syntax", condition: .when(traits: ["KeyMacro"])),
                .product(
                    name: "SwiftSyntaxMacroExpansion", package: "swift-syntax", condition: .when(traits: ["KeyMacro"])),
                .product(
                    name: "SwiftSyntaxMacrosGenericTestSupport", package: "swift-syntax",
                    condition: .when(traits: ["KeyMacro"])),
            ],
            swiftSettings: testSettings),
        .testTarget(
            name: "CheckpointKeysTests", dependencies: ["CBOR", "CheckpointKeys", "CheckpointLog", "TestSupport"],
            swiftSettings: testSettings),
        .testTarget(
            name: "CheckpointLogLifecycleTests",
            dependencies: [
                "CheckpointLogLifecycle", "CheckpointLog", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(
                    name: "ServiceLifecycle", package: "swift-service-lifecycle",
                    condition: .when(traits: ["Lifecycle"])),
                .product(
                    name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle",
                    condition: .when(traits: ["Lifecycle"])),
            ],
            swiftSettings: testSettings),
    ]
)

// A build for some of the tests, as in "CBORTests CheckpointLogTests": the others are not compiled, nor are the
// programs unless their own tests are wanted.
if let wanted = Context.environment["CHECKPOINT_LOG_TEST_TARGETS"]?.split(separator: " ").map(String.init) {
    package.targets.removeAll { $0.type == .test && !wanted.contains($0.name) }
    if !wanted.contains("CheckpointLogToolTests") {
        package.targets.removeAll { $0.type == .executable }
        package.products.removeAll { $0 is Product.Executable }
        package.dependencies.removeAll { dependency in
            guard case .sourceControl(_, let location, _) = dependency.kind else { return false }
            return location.hasSuffix("swift-argument-parser")
        }
    }
    if !wanted.contains("CheckpointLogTests") { package.targets.removeAll { $0.name == "FuzzTargets" } }
    // Of the engine's tests some files alone: half of what a sanitizer takes is to compile tests that it does not run.
    if let files = Context.environment["CHECKPOINT_LOG_TEST_FILES"]?.split(separator: " ").map(String.init) {
        package.targets.first { $0.name == "CheckpointLogTests" }?.sources = files
    }
}

// Has its `main` from libFuzzer, and so links only under `swift build --sanitize fuzzer`, as Scripts/fuzz calls it.
if Context.environment["CHECKPOINT_LOG_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz", swiftSettings: swiftSettings))
}
