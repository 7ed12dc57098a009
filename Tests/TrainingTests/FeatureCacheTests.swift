import Foundation
import ImageTransforms
import Synchronization
import Tensors
import Testing

@testable import Training

@Suite struct FeatureCacheTests {
  private let scratch: ScratchFolder
  private let store: FeatureCache
  private let vector: [Float] = [0, -0.0, 1.5, .pi, 3e38, .leastNonzeroMagnitude]

  init() throws {
    scratch = try ScratchFolder()
    store = FeatureCache(folder: scratch.path, context: "weights, layer, kernels")
  }

  private func file(_ key: FeatureCache.Key) -> String {
    "\(key.name.prefix(2))/\(key.name.dropFirst(2)).features"
  }

  @Test func aVectorIsFoundAgainBitForBit() {
    let key = store.key(image: "123", variant: "")
    #expect(store.features(key, count: 6) == nil)
    store.save(vector, under: key)
    #expect(store.features(key, count: 6)?.map(\.bitPattern) == vector.map(\.bitPattern))
    #expect(store.features(key, count: 5) == nil)
  }

  @Test func everythingThatDecidesTheFeaturesIsInTheKey() {
    let other = FeatureCache(folder: scratch.path, context: "other weights")
    let keys = [
      store.key(image: "1", variant: ""), store.key(image: "2", variant: ""),
      store.key(image: "1", variant: "view 1"), other.key(image: "1", variant: ""),
    ]
    #expect(Set(keys.map(\.name)).count == keys.count)
  }

  @Test func aDamagedEntryIsNoEntry() throws {
    let key = store.key(image: "9", variant: "")
    store.save(vector, under: key)
    let whole = try scratch.bytes(file(key))
    for index in whole.indices {
      var bytes = whole
      bytes[index] ^= 1
      try scratch.write(bytes, file(key))
      #expect(store.features(key, count: 6) == nil)
      try scratch.write(Array(whole[..<index]), file(key))
      #expect(store.features(key, count: 6) == nil)
    }
    store.save(vector, under: key)
    #expect(store.features(key, count: 6) == vector)
  }

  /// Both are whole; their names say what they are not.
  @Test func swappedEntriesAreNone() throws {
    let keys = ["1", "2"].map { store.key(image: $0, variant: "") }
    for (key, value) in zip(keys, [1, 2] as [Float]) { store.save([value], under: key) }
    let contents = try keys.map { try scratch.bytes(file($0)) }
    for (key, content) in zip(keys, contents.reversed()) { try scratch.write(content, file(key)) }
    #expect(keys.allSatisfy { store.features($0, count: 1) == nil })
    for (key, content) in zip(keys, contents) { try scratch.write(content, file(key)) }
    #expect(keys.map { store.features($0, count: 1) } == [[1], [2]])
  }

  @Test func aFolderThatOthersMayWriteIsNotUsed() throws {
    let key = store.key(image: "1", variant: "")
    store.save(vector, under: key)
    let warnings = Warnings()
    let open = FeatureCache(
      folder: scratch.path, context: "weights, layer, kernels", warn: warnings.add)
    #expect(open.features(key, count: 6) == vector)
    #expect(chmod(scratch.path, 0o777) == 0)
    #expect(open.features(key, count: 6) == nil)
    open.save(vector, under: key)
    #expect(warnings.texts.count == 1)
    #expect(warnings.texts.first?.contains("others may write to it (mode 777") == true)
  }

  @Test func aFolderThatCannotBeWrittenCostsOnlyTimeAndIsSaidOnce() throws {
    try scratch.write([], "file")
    let warnings = Warnings()
    let blocked = FeatureCache(
      folder: scratch.path + "/file/store", context: "", warn: warnings.add)
    let copy = blocked
    let key = blocked.key(image: "1", variant: "")
    for store in [blocked, copy] { store.save(vector, under: key) }
    #expect(blocked.features(key, count: 6) == nil)
    #expect(warnings.texts.count == 1)
    #expect(
      warnings.texts.first?.contains("cannot be cached in \(scratch.path)/file/store") == true)
  }

  private final class Warnings: Sendable {
    private let list = Mutex<[String]>([])
    var texts: [String] { list.withLock { $0 } }
    @Sendable func add(_ text: String) { list.withLock { $0.append(text) } }
  }
}

/// The words that keys are made of: where one of these tests fails, features that users have kept
/// are computed anew.
@Suite struct FeatureContextTests {
  private func context(
    _ change: (inout FeatureContext) -> Void = { _ in }
  ) -> FeatureContext {
    var context = FeatureContext(
      fingerprint: "abc", featureLayer: "layer4", featureCount: 2048, kernels: "avx2 7",
      transform: ImageTransform(preset: .pytorch, normalisation: .torch))
    change(&context)
    return context
  }

  @Test func theWordsAreThese() {
    #expect(
      context().text == """
        weights abc
        layer layer4
        count 2048
        kernels avx2 7
        transform 2
        preset pytorch
        size 224
        order rgb
        scale 0.00392156862745098
        mean 0.485,0.456,0.406
        deviation 0.229,0.224,0.225
        """)
    let store = FeatureCache(folder: "/nowhere", context: context().text)
    #expect(
      store.key(image: "123", variant: "view 1").name
        == "e0a971c3f943fc0ccac701fb7213168019668145aa42b3ecf5ac873585671f59")
  }

  @Test func everyFactIsInTheWords() {
    let torch = Normalisation.torch
    func transform(
      _ preset: Preset = .pytorch, size: Int = 224, _ resize: Geometry.Resize = .squash,
      ratio: Double = 0.875,
      _ change: (inout Normalisation) -> Void = { _ in }
    ) -> ImageTransform {
      var normalisation = torch
      change(&normalisation)
      return ImageTransform(
        preset: preset, geometry: Geometry(size: size, resize: resize, cropRatio: ratio),
        normalisation: normalisation)
    }
    let texts = [
      context(), context { $0.fingerprint = "abd" }, context { $0.featureLayer = "layer3" },
      context { $0.featureCount = 1024 }, context { $0.kernels = "avx512" },
      context { $0.kernels = "avx2 8" }, context { $0.transform = transform(.keras) },
      context { $0.transform = transform(size: 96) },
      context { $0.transform = transform(.pytorch, .crop) },
      context { $0.transform = transform(.pytorch, .crop, ratio: 0.9) },
      context { $0.transform = transform(.pytorch, .pad) },
      context { $0.transform = transform { $0.channelOrder = .bgr } },
      context { $0.transform = transform { $0.scale = 1 } },
      context { $0.transform = transform { $0.mean.y = 0 } },
      context { $0.transform = transform { $0.std.z = 1 } },
      context { $0.orientation = .apply },
    ].map(\.text)
    #expect(Set(texts).count == texts.count)
  }
}
