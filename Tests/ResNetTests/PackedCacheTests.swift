import FileIO
import Foundation
import Kernels
import ResNet
import ResNetWeights
import Tensors
import Testing

@Suite struct PackedCacheTests {
  /// A folder that is removed after `work`.
  private func withFolder(_ work: (String) throws -> Void) throws {
    let folder = NSTemporaryDirectory() + "packed-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try work(folder)
  }

  private func backbone(
    _ folder: String, path: KernelPath = .best, layer: FeatureLayer? = nil,
    fingerprint: String = "abc", timeout: Duration = .seconds(60),
    _ weights: any TensorSource
  ) throws -> FloatBackbone {
    try FloatBackbone(
      weights: weights,
      packedCache: PackedCache(
        folder: folder + "/a/b", fingerprint: fingerprint, timeout: timeout),
      featureLayer: layer, kernels: path, inputSize: 64)
  }

  private func features(_ backbone: FloatBackbone) throws -> [[Float]] {
    try backbone.features(
      of: randomImages(2, size: 64), workspace: backbone.makeWorkspace())
  }

  /// The names of all files in the cache whose names end with `end`.
  private func files(_ folder: String, _ end: String = ".packed") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder + "/a/b")
      .filter { $0.hasSuffix(end) }.sorted()
  }

  private func packedFile(_ folder: String) throws -> String {
    "\(folder)/a/b/\(try #require(try files(folder).first))"
  }

  @Test(arguments: availablePaths)
  func aWarmStartNeverReadsTheWeights(path: KernelPath) throws {
    try withFolder { folder in
      let plain = try features(FloatBackbone(weights: smallNetwork(), kernels: path, inputSize: 64))
      let cold = try backbone(folder, path: path, smallNetwork())
      #expect(cold.cacheWarning == nil)
      let coldFeatures = try features(cold)
      #expect(coldFeatures == plain)
      let watched = WatchedSource(try smallNetwork())
      let warm = try backbone(folder, path: path, watched)
      let warmFeatures = try features(warm)
      #expect(warmFeatures == plain)
      #expect(warm.network == cold.network)
      #expect(watched.reads == 0)
    }
  }

  @Test func otherVariantsHaveOtherFiles() throws {
    try withFolder { folder in
      for layer in FeatureLayer.allCases { _ = try backbone(folder, layer: layer, smallNetwork()) }
      for path in availablePaths { _ = try backbone(folder, path: path, smallNetwork()) }
      _ = try backbone(folder, fingerprint: "def", smallNetwork(seed: 5))
      // The best path, the deepest layer and the first fingerprint share one file.
      let count = try files(folder).count
      #expect(count == 4 + availablePaths.count - 1 + 1)
    }
  }

  /// Training asks for the deepest layer without a name, prediction names it.
  @Test func theDeepestLayerHasOneFileHoweverItIsAskedFor() throws {
    try withFolder { folder in
      _ = try backbone(folder, smallNetwork())
      let watched = WatchedSource(try smallNetwork())
      _ = try backbone(folder, layer: .layer4, watched)
      let count = try files(folder).count
      #expect(count == 1)
      #expect(watched.reads == 0)
    }
  }

  /// A flipped bit in any part, a cut end, an empty file, another file's bytes: packed anew.
  @Test func damagedFilesArePackedAnew() throws {
    try withFolder { folder in
      let expected = try features(backbone(folder, smallNetwork()))
      let path = try packedFile(folder)
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
        let again = try backbone(folder, smallNetwork())
        let found = try features(again)
        #expect(found == expected)
        let rewritten = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(rewritten == good)
      }
    }
  }

  @Test func aFileOfOtherWeightsIsForeign() throws {
    try withFolder { folder in
      _ = try backbone(folder, fingerprint: "def", smallNetwork(seed: 5))
      let foreign = try packedFile(folder)
      let own = foreign.replacing("/def-", with: "/abc-")
      try FileManager.default.moveItem(atPath: foreign, toPath: own)
      let expected = try features(
        FloatBackbone(weights: smallNetwork(), kernels: .best, inputSize: 64))
      let found = try features(backbone(folder, smallNetwork()))
      #expect(found == expected)
    }
  }

  @Test func onlyOneOfManyPacks() async throws {
    let folder = NSTemporaryDirectory() + "packed-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let source = WatchedSource(try smallNetwork())
    let all = try await withThrowingTaskGroup(of: [[Float]].self) { group in
      for _ in 0..<6 { group.addTask { try features(backbone(folder, source)) } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(source.reads == source.names.count)
    #expect(all.count == 6 && all.allSatisfy { $0 == all[0] })
  }

  @Test func aFolderThatCannotBeMadeIsAWarning() throws {
    let made = try FloatBackbone(
      weights: smallNetwork(),
      packedCache: PackedCache(folder: "/proc/none/cache", fingerprint: "abc"), kernels: .best,
      inputSize: 64)
    #expect(made.cacheWarning?.contains(": /proc/none") == true)
    let found = try features(made)
    #expect(found.count == 2)
  }

  /// What a file says about itself, its checksums included, anybody can write.
  @Test func aFolderThatOthersMayWriteIsNotUsed() throws {
    try withFolder { folder in
      _ = try backbone(folder, smallNetwork())
      #expect(chmod(folder + "/a/b", 0o777) == 0)
      let watched = WatchedSource(try smallNetwork())
      let alone = try backbone(folder, watched)
      #expect(alone.cacheWarning?.contains("others may write to it (mode 777") == true)
      #expect(watched.reads > 0)
    }
  }

  @Test func aFileThatOthersMayWriteIsPackedAnew() throws {
    try withFolder { folder in
      _ = try backbone(folder, smallNetwork())
      let path = try packedFile(folder)
      #expect(chmod(path, 0o666) == 0)
      let watched = WatchedSource(try smallNetwork())
      #expect(try backbone(folder, watched).cacheWarning == nil)
      #expect(watched.reads > 0)
      var status = stat()
      #expect(stat(path, &status) == 0 && status.st_mode & 0o022 == 0)
    }
  }

  @Test func errorsInTheWeightsAreNotHidden() throws {
    let source = try smallNetwork()
    var tensors: [String: Tensor<Float>] = [:]
    for name in source.names { tensors[name] = try source.floats(name) }
    tensors["layer4.0.conv1.weight"]?.values[0] = .nan
    let damaged = TensorTable(tensors, metadata: source.metadata, path: "damaged")
    try withFolder { folder in
      #expect(throws: BackboneError.self) {
        try backbone(folder, damaged)
      }
      let left = try files(folder, ".packed") + files(folder, ".tmp")
      #expect(left.isEmpty)
    }
  }

  @Test func aFileThatCannotBeOpenedIsToldWithItsReason() throws {
    try withFolder { folder in
      let files = GuardedFolder(path: folder)
      try files.create()
      let error = #expect(throws: FileError.self) {
        try withFileLock(String(repeating: "x", count: 300), in: files, timeout: .zero) {}
      }
      #expect(error?.description.contains("File name too long") == true)
    }
  }

  /// A process that is stopped while it packs must not hold up the others for ever.
  @Test func whoeverWaitsTooLongPacksForItself() throws {
    try withFolder { folder in
      let expected = try features(backbone(folder, smallNetwork()))
      let path = try packedFile(folder)
      try FileManager.default.removeItem(atPath: path)
      let lock = open(path + ".lock", O_RDWR)
      defer { close(lock) }
      try #require(lock >= 0 && flock(lock, LOCK_EX) == 0)
      let alone = try backbone(folder, timeout: .milliseconds(50), smallNetwork())
      #expect(alone.cacheWarning?.contains("held the lock for 0.05 seconds") == true)
      let found = try features(alone)
      #expect(found == expected)
      let left = try files(folder)
      #expect(left.isEmpty)
    }
  }

  /// Another host that shares the folder but not the lock writes the same file at the same time:
  /// what it has begun stays as it is, and so does what a link of that name points to.
  @Test func filesOfOtherWritersAreLeftAlone() throws {
    try withFolder { folder in
      _ = try backbone(folder, smallNetwork())
      let path = try packedFile(folder)
      try FileManager.default.removeItem(atPath: path)
      let others = [".tmp", ".other-host-1.tmp"].map { path + $0 }
      for other in others { try Data("begun".utf8).write(to: URL(fileURLWithPath: other)) }
      let made = try backbone(folder, smallNetwork())
      #expect(made.cacheWarning == nil)
      for other in others {
        let content = try Data(contentsOf: URL(fileURLWithPath: other))
        #expect(content == Data("begun".utf8))
      }
    }
  }

  @Test func leftoversOfThisHostAndOlderVersionsAreRemoved() throws {
    try withFolder { folder in
      _ = try backbone(folder, smallNetwork())
      let path = try packedFile(folder)
      try FileManager.default.removeItem(atPath: path)
      let name = URL(fileURLWithPath: path).lastPathComponent
      var host = [CChar](repeating: 0, count: 256)
      try #require(gethostname(&host, 255) == 0)
      let hostName = host.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
      let killed = "\(name).\(String(decoding: hostName, as: UTF8.self))-1.tmp"
      // Of a host whose name goes on after this one's.
      let foreign = "\(name).\(String(decoding: hostName, as: UTF8.self))-2-1.tmp"
      let older = ["x-layer4-avx2-v1.packed", "x-layer4-avx2-v1.packed.lock"]
      let newer = "x-layer4-avx2-v\(PackedFile.version + 1).packed"
      for entry in older + [newer, killed, foreign] {
        try Data().write(to: URL(fileURLWithPath: "\(folder)/a/b/\(entry)"))
      }
      _ = try backbone(folder, smallNetwork())
      let left = try FileManager.default.contentsOfDirectory(atPath: folder + "/a/b").sorted()
      #expect(left == [name, name + ".lock", foreign, newer].sorted())
    }
  }
}

/// Counts the tensors that are read, from several threads.
private final class WatchedSource: TensorSource, @unchecked Sendable {
  private let source: TensorTable
  // The lock guards the count.
  private let lock = NSLock()
  private var count = 0

  init(_ source: TensorTable) { self.source = source }

  var reads: Int { lock.withLock { count } }
  var path: String { source.path }
  var names: [String] { source.names }
  var metadata: [String: String] { source.metadata }
  func shape(of name: String) -> [Int]? { source.shape(of: name) }
  func elementType(of name: String) -> ElementType? { source.elementType(of: name) }
  func floats(_ name: String) throws(FileError) -> Tensor<Float> {
    lock.withLock { count += 1 }
    return try source.floats(name)
  }
}
