// swift-tools-version: 6.1
import PackageDescription

let strict: [SwiftSetting] = [.swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny")]

let package = Package(
  name: "aura",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "aura", targets: ["aura"]),
    .executable(name: "aura-bench", targets: ["aura-bench"]),
  ],
  dependencies: [
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["JSON", "YAML"]),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
  ],
  targets: [
    // One door per C library: only the target named behind each may import it.
    .systemLibrary(
      name: "CLibWebSockets", pkgConfig: "libwebsockets", providers: [.apt(["libwebsockets-dev", "libuv1-dev"])]),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CJansson", pkgConfig: "jansson", providers: [.apt(["libjansson-dev"])]),
    .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
    .systemLibrary(name: "CJWT", pkgConfig: "libjwt", providers: [.apt(["libjwt-dev"])]),
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),

    .target(name: "AuraDomain", swiftSettings: strict),
    .target(name: "AuraJSON", dependencies: ["AuraDomain", "CJansson"], swiftSettings: strict),
    .target(name: "AuraSodium", dependencies: ["CSodium"], swiftSettings: strict),
    .target(name: "AuraWire", dependencies: ["AuraDomain", "AuraJSON"], swiftSettings: strict),
    .target(name: "AuraThreads", swiftSettings: strict),
    .target(name: "AuraMetrics", swiftSettings: strict),
    .target(
      name: "AuraStore",
      dependencies: [
        "AuraDomain", "AuraJSON", "AuraSodium", "AuraThreads", "AuraMetrics", "CSQLite",
        .product(name: "GRDB", package: "GRDB.swift"),
      ],
      swiftSettings: strict),
    .target(
      name: "AuraTransport",
      dependencies: [
        "AuraThreads", "AuraMetrics", "CLibWebSockets", .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),
    .target(
      name: "AuraDelivery",
      dependencies: [
        "AuraDomain", "AuraJSON", "AuraSodium", "AuraThreads", "CCurl",
        .product(name: "DequeModule", package: "swift-collections"),
      ],
      swiftSettings: strict),
    .target(
      name: "AuraHub",
      dependencies: [
        "AuraDomain", "AuraWire", "AuraMetrics", .product(name: "DequeModule", package: "swift-collections"),
      ],
      swiftSettings: strict),
    .target(
      name: "AuraServer",
      dependencies: [
        "AuraDomain", "AuraJSON", "AuraWire", "AuraStore", "AuraTransport", "AuraHub", "AuraDelivery", "AuraSodium",
        "AuraThreads", "AuraMetrics", "CJWT",
        .product(name: "Configuration", package: "swift-configuration"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),
    .target(
      name: "AuraClient",
      dependencies: [
        "AuraDomain", "AuraJSON", "AuraWire", "AuraTransport", "AuraThreads",
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "Histogram", package: "hdrhistogram-swift"),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "aura",
      dependencies: [
        "AuraServer", "AuraClient", "AuraDelivery", "AuraStore", "AuraTransport", "AuraDomain", "AuraThreads",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "aura-bench",
      dependencies: [
        "AuraServer", "AuraStore", "AuraDomain",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Histogram", package: "hdrhistogram-swift"),
      ],
      swiftSettings: strict),

    .testTarget(name: "AuraMetricsTests", dependencies: ["AuraMetrics"], swiftSettings: strict),
    .testTarget(name: "AuraDomainTests", dependencies: ["AuraDomain"], swiftSettings: strict),
    .testTarget(name: "AuraJSONTests", dependencies: ["AuraJSON"], swiftSettings: strict),
    .testTarget(name: "AuraWireTests", dependencies: ["AuraWire", "AuraJSON"], swiftSettings: strict),
    .testTarget(name: "AuraStoreTests", dependencies: ["AuraStore", "AuraDomain", "AuraJSON"], swiftSettings: strict),
    .testTarget(name: "AuraTransportTests", dependencies: ["AuraTransport"], swiftSettings: strict),
    .testTarget(name: "AuraClientTests", dependencies: ["AuraClient", "AuraServer"], swiftSettings: strict),
    .testTarget(
      name: "AuraDeliveryTests", dependencies: ["AuraDelivery", "AuraDomain", "AuraSodium"], swiftSettings: strict),
    .testTarget(name: "AuraHubTests", dependencies: ["AuraHub", "AuraJSON"], swiftSettings: strict),
    .testTarget(name: "AuraServerTests", dependencies: ["AuraServer"], swiftSettings: strict),
  ]
)
