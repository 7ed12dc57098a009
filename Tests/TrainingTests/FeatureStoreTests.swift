import Foundation
import Testing

@testable import Training

@Suite struct FeatureStoreTests {
  private let scratch: ScratchFolder
  private let store: FeatureStore
  private let vector: [Float] = [0, -0.0, 1.5, .pi, 3e38, .leastNonzeroMagnitude]

  init() throws {
    scratch = try ScratchFolder()
    store = FeatureStore(folder: scratch.path, context: "weights, layer, kernels")
  }

  private func file(_ key: String) -> String { "\(key.prefix(2))/\(key.dropFirst(2)).features" }

  @Test func aVectorIsFoundAgainBitForBit() {
    let key = store.key(picture: "123", variant: "")
    #expect(store.features(key, count: 6) == nil)
    store.keep(vector, under: key)
    #expect(store.features(key, count: 6)?.map(\.bitPattern) == vector.map(\.bitPattern))
    #expect(store.features(key, count: 5) == nil)
  }

  @Test func everythingThatDecidesTheFeaturesIsInTheKey() {
    let other = FeatureStore(folder: scratch.path, context: "other weights")
    let keys = [
      store.key(picture: "1", variant: ""), store.key(picture: "2", variant: ""),
      store.key(picture: "1", variant: "view 1"), other.key(picture: "1", variant: ""),
    ]
    #expect(Set(keys).count == keys.count)
  }

  @Test func aDamagedEntryIsNoEntry() throws {
    let key = store.key(picture: "9", variant: "")
    store.keep(vector, under: key)
    let whole = try scratch.bytes(file(key))
    for index in whole.indices {
      var bytes = whole
      bytes[index] ^= 1
      try scratch.write(bytes, file(key))
      #expect(store.features(key, count: 6) == nil)
      try scratch.write(Array(whole[..<index]), file(key))
      #expect(store.features(key, count: 6) == nil)
    }
    store.keep(vector, under: key)
    #expect(store.features(key, count: 6) == vector)
  }

  @Test func aFolderThatCannotBeWrittenCostsOnlyTime() throws {
    try scratch.write([], "file")
    let blocked = FeatureStore(folder: scratch.path + "/file/store", context: "")
    let key = blocked.key(picture: "1", variant: "")
    blocked.keep(vector, under: key)
    #expect(blocked.features(key, count: 6) == nil)
  }
}
