import FileIO
import Testing

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats

/// HDF5 files whose structures lie.
@Suite struct HostileHDF5Tests {
  private func error(_ bytes: [UInt8]) -> FileError? {
    failure { try loadBackboneWeights(bytes: bytes, path: "evil.h5") }
  }

  /// Where `pattern` stands in `bytes`.
  private func offsets(_ pattern: [UInt8], in bytes: [UInt8]) -> [Int] {
    var offsets: [Int] = []
    for offset in 0..<bytes.count - pattern.count where bytes[offset] == pattern[0] {
      if bytes[offset..<offset + pattern.count].elementsEqual(pattern) { offsets.append(offset) }
    }
    return offsets
  }

  /// The dimensions 7 x 7 x 3 x 2 of the first kernel, each as eight bytes.
  private static let dimensions = [7, 7, 3, 2].flatMap { little($0, 8) }

  @Test(arguments: [1 << 40, 1 << 61, Int.max, -1, 8])
  func absurdDimensionsAreRefused(_ extent: Int) throws {
    var bytes = try Golden.bytes("keras2019.h5")
    let found = offsets(Self.dimensions, in: bytes)
    #expect(!found.isEmpty)
    for offset in found { bytes.replaceSubrange(offset..<offset + 8, with: little(extent, 8)) }
    let error = error(bytes)
    #expect(error?.kind == .damaged)
    #expect(error?.path == "evil.h5")
  }

  /// Every eight bytes that could be an address become the address of the root group, of the file's
  /// end, and one far beyond: cycles and dangling addresses everywhere.
  @Test(arguments: [96, 0, 1 << 62, -2])
  func wrongAddressesDoNotHang(_ address: Int) throws {
    let whole = try Golden.bytes("keras3.weights.h5")
    for offset in stride(from: 8, to: min(whole.count, 40_000), by: 360) {
      var bytes = whole
      bytes.replaceSubrange(offset..<offset + 8, with: little(address, 8))
      _ = error(bytes)
    }
  }

  @Test func groupsThatHoldThemselvesAreRefused() throws {
    var bytes = try Golden.bytes("keras2019.h5")
    // Every symbol-table entry gets the address of the root group's header, 96.
    for leaf in offsets(Array("SNOD".utf8), in: bytes) {
      let count = Int(bytes[leaf + 6])
      for entry in 0..<count {
        let offset = leaf + 8 + 40 * entry + 8
        bytes.replaceSubrange(offset..<offset + 8, with: little(96, 8))
      }
    }
    #expect(error(bytes)?.description.contains("twice") == true)
  }

  @Test func treesThatHoldThemselvesAreRefused() throws {
    var bytes = try Golden.bytes("keras2019.h5")
    for tree in offsets(Array("TREE".utf8), in: bytes) {
      bytes.replaceSubrange(tree + 32..<tree + 40, with: little(tree, 8))
    }
    #expect(error(bytes)?.description.contains("cycle") == true)
  }

  @Test func headersThatGoOnForeverAreRefused() throws {
    var bytes = try Golden.bytes("keras3-model.h5")
    // A continuation message points at itself.
    for offset in stride(from: 0, to: bytes.count - 24, by: 8)
    where bytes[offset..<offset + 8].elementsEqual([0x10, 0, 0x10, 0, 0, 0, 0, 0]) {
      bytes.replaceSubrange(offset + 8..<offset + 24, with: little(offset, 8) + little(24, 8))
    }
    let refused = error(bytes)
    #expect(refused?.description.contains("no end") == true, "\(String(describing: refused))")
  }

  /// Names lie in heaps that groups can share, so a short file could have long ones read without
  /// end.
  @Test func heapsOfNamesAreCounted() throws {
    var bytes = try Golden.bytes("keras2019.h5")
    let heaps = offsets(Array("HEAP".utf8), in: bytes)
    let size = HDF5File.headerLimit / heaps.count + 1
    bytes += [UInt8](repeating: 0, count: size)
    for heap in heaps { bytes.replaceSubrange(heap + 8..<heap + 16, with: little(size, 8)) }
    #expect(error(bytes)?.description.contains("no end") == true)
  }

  @Test func datasetsThatShareBytesAreRefused() throws {
    // Two names for one dataset.
    var bytes = try Golden.bytes("keras2019.h5")
    for leaf in offsets(Array("SNOD".utf8), in: bytes) where bytes[leaf + 6] == 2 {
      let (first, second) = (leaf + 8 + 8, leaf + 8 + 40 + 8)
      // Both entries are datasets.
      guard bytes[first + 8] == 0, bytes[second + 8] == 0 else { continue }
      bytes.replaceSubrange(second..<second + 8, with: bytes[first..<first + 8])
    }
    #expect(error(bytes)?.description.contains("overlaps another") == true)
    // Two datasets of eight bytes at one offset.
    bytes = try Golden.bytes("keras2019.h5")
    let layouts = offsets(little(8, 8), in: bytes).filter {
      bytes[$0 - 10] == 3 && bytes[$0 - 9] == 1
    }
    let first = try #require(layouts.first)
    #expect(layouts.count > 1)
    for layout in layouts {
      bytes.replaceSubrange(layout - 8..<layout, with: bytes[first - 8..<first])
    }
    #expect(error(bytes)?.description.contains("overlaps another") == true)
  }

  /// Soft links are passed over before their names are read.
  @Test func softLinksCostNothing() throws {
    var bytes = try Golden.bytes("soft-link.h5")
    #expect(error(bytes) == nil)
    var links = 0
    for leaf in offsets(Array("SNOD".utf8), in: bytes) {
      for entry in 0..<Int(bytes[leaf + 6]) {
        let offset = leaf + 8 + 40 * entry
        guard bytes[offset + 16] == 2 else { continue }
        bytes.replaceSubrange(offset..<offset + 8, with: little(1 << 40, 8))
        links += 1
      }
    }
    #expect(links == 1)
    #expect(error(bytes) == nil)
  }

  @Test func otherVersionsAreNamed() throws {
    var bytes = try Golden.bytes("keras2019.h5")
    bytes[8] = 9
    #expect(error(bytes)?.description.contains("superblock version 9") == true)
    bytes[8] = 0
    bytes[13] = 4
    #expect(error(bytes)?.description.contains("4-byte addresses") == true)
    #expect(error(HDF5File.signature)?.kind == .damaged)
  }

  @Test func layersThatDoNotBelongAreNamed() {
    for (name, canonical) in [
      ("conv1", "conv1"), ("bn_conv1", "bn1"), ("res2a_branch2a", "layer1.0.conv1"),
      ("bn4f_branch2c", "layer3.5.bn3"), ("res5a_branch1", "layer4.0.downsample.0"),
      ("res4b22_branch2b", "layer3.22.conv2"), ("conv3_block4_2_bn", "layer2.3.bn2"),
      ("conv2_block1_0_conv", "layer1.0.downsample.0"), ("conv1_bn", "bn1"),
    ] {
      #expect(KerasLayerName(name)?.canonical == canonical)
    }
    for name in [
      "conv6_block1_1_conv", "conv2_block0_1_conv", "conv2_block1_4_conv", "conv2_block1_preact_bn",
      "res6a_branch1", "res2_branch1", "res2a_branch2d", "bn", "post_bn", "dense", "",
      "res2ab_branch1",
    ] {
      #expect(KerasLayerName(name) == nil, "\(name)")
    }
  }
}
