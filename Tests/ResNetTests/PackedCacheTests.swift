import Foundation
import Kernels
import ResNet
import Testing
import WeightFiles

@Suite struct PackedCacheTests {
  /// A folder that is removed after `work`.
  private func withFolder(_ work: (String) throws -> Void) throws {
    let folder = NSTemporaryDirectory() + "packed-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try work(folder)
  }

  private func backbone(
    _ folder: String, path: KernelPath = .best, layer: FeatureLayer? = nil,
    fingerprint: String = "abc", weights: () throws -> any TensorSource
  ) throws -> Backbone {
    try Backbone(
      packedCache: PackedCache(folder: folder + "/a/b", fingerprint: fingerprint),
      featureLayer: layer, kernels: path, inputSize: 64, weights: weights)
  }

  private func features(_ backbone: Backbone) throws -> [[Float]] {
    try backbone.features(
      of: randomPictures(2, size: 64), workspace: backbone.makeWorkspace())
  }

  private struct NotAsked: Error {}

  /// The files of packed weights in the cache.
  private func packedFiles(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder + "/a/b")
      .filter { $0.hasSuffix(".packed") }.map { "\(folder)/a/b/\($0)" }
  }

  @Test(arguments: availablePaths)
  func aWarmStartNeverAsksForTheWeights(path: KernelPath) throws {
    try withFolder { folder in
      let plain = try features(Backbone(weights: smallNetwork(), kernels: path, inputSize: 64))
      let cold = try backbone(folder, path: path) { try smallNetwork() }
      #expect(cold.cacheWarning == nil)
      let coldFeatures = try features(cold)
      #expect(coldFeatures == plain)
      let warm = try backbone(folder, path: path) { throw NotAsked() }
      let warmFeatures = try features(warm)
      #expect(warmFeatures == plain)
      #expect(warm.architecture == cold.architecture)
    }
  }

  @Test func otherVariantsHaveOtherFiles() throws {
    try withFolder { folder in
      for layer in [nil, FeatureLayer.layer1, .layer2] {
        _ = try backbone(folder, layer: layer) { try smallNetwork() }
      }
      for path in availablePaths { _ = try backbone(folder, path: path) { try smallNetwork() } }
      _ = try backbone(folder, fingerprint: "def") { try smallNetwork(seed: 5) }
      // The best path, the deepest layer and the first fingerprint share one file.
      let files = try packedFiles(folder)
      #expect(files.count == 3 + availablePaths.count - 1 + 1)
      #expect(throws: NotAsked.self) {
        try backbone(folder, layer: .layer3) { throw NotAsked() }
      }
    }
  }

  /// A flipped bit in any part, a cut end, an empty file, another file's bytes: packed anew.
  @Test func damagedFilesArePackedAnew() throws {
    try withFolder { folder in
      let expected = try features(backbone(folder) { try smallNetwork() })
      let path = try #require(try packedFiles(folder).first)
      let good = try Data(contentsOf: URL(fileURLWithPath: path))
      var damaged = [
        good.prefix(good.count - 4), good.prefix(20), Data(), Data(repeating: 7, count: 99),
      ]
      for place in [0, 9, 17, 25, 33, 41, 60, 2 << 20, (2 << 20) + 4099, good.count - 1] {
        var bytes = good
        bytes[place] ^= 16
        damaged.append(bytes)
      }
      for bytes in damaged {
        try bytes.write(to: URL(fileURLWithPath: path))
        let again = try backbone(folder) { try smallNetwork() }
        let found = try features(again)
        #expect(found == expected)
        let rewritten = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(rewritten == good)
      }
    }
  }

  @Test func aFileOfOtherWeightsIsForeign() throws {
    try withFolder { folder in
      _ = try backbone(folder, fingerprint: "def") { try smallNetwork(seed: 5) }
      let foreign = try #require(try packedFiles(folder).first)
      let own = foreign.replacing("/def-", with: "/abc-")
      try FileManager.default.moveItem(atPath: foreign, toPath: own)
      let expected = try features(Backbone(weights: smallNetwork(), kernels: .best, inputSize: 64))
      let found = try features(backbone(folder) { try smallNetwork() })
      #expect(found == expected)
    }
  }

  @Test func onlyOneOfManyPacks() async throws {
    let folder = NSTemporaryDirectory() + "packed-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let asked = Counter()
    let source = try smallNetwork()
    let all = try await withThrowingTaskGroup(of: [[Float]].self) { group in
      for _ in 0..<6 {
        group.addTask {
          try features(
            backbone(folder) {
              asked.add()
              return source
            })
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(asked.count == 1)
    #expect(all.count == 6 && all.allSatisfy { $0 == all[0] })
  }

  @Test func aFolderThatCannotBeMadeIsAWarning() throws {
    let made = try Backbone(
      packedCache: PackedCache(folder: "/proc/none/cache", fingerprint: "abc"), kernels: .best,
      inputSize: 64
    ) { try smallNetwork() }
    #expect(made.cacheWarning?.contains("/proc/none/cache") == true)
    let found = try features(made)
    #expect(found.count == 2)
  }

  @Test func errorsInTheWeightsAreNotHidden() throws {
    try withFolder { folder in
      #expect(throws: BackboneError.self) {
        try backbone(folder, layer: .layer4) {
          RandomWeights(seed: 0, blocks: [1, 1], width: 8)
        }
      }
      let files = try packedFiles(folder)
      #expect(files.isEmpty)
    }
  }
}

/// Counts calls from several threads.
private final class Counter: @unchecked Sendable {
  // The lock guards the count.
  private let lock = NSLock()
  private var calls = 0
  var count: Int { lock.withLock { calls } }
  func add() { lock.withLock { calls += 1 } }
}
