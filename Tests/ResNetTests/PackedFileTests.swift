import FileIO
import Foundation
import Kernels
import Testing

@testable import ResNet

/// The file format by itself, with arrays that the present network does not have.
@Suite struct PackedFileTests {
  private let folder = NSTemporaryDirectory() + "packed-file-\(UUID().uuidString)"

  /// Eight-bit weights with a scale for each output, as any packed network might have.
  private func layout(_ element: any BitwiseCopyable.Type = Int8.self) -> PackedLayout {
    var layout = PackedLayout(kernels: "portable")
    _ = layout.add("conv1.weight", element, count: 300)
    _ = layout.add("conv1.scale", Float.self, count: 3)
    return layout
  }

  private func content(_ layout: PackedLayout, packing value: UInt8 = 7) throws -> PackedContent {
    PackedContent(
      description: Array(try JSONEncoder.sorted.encode(layout)), byteCount: layout.byteCount
    ) { bytes in
      #expect(bytes.count == layout.byteCount && bytes.allSatisfy { $0 == 0 })
      for array in layout.arrays { bytes[array.offset + array.count - 1] = value }
    }
  }

  private func cache() -> PackedCache { PackedCache(folder: folder, fingerprint: "abc") }

  @Test func arraysOfAnyTypeBeginAtWholeLines() {
    let arrays = layout().arrays
    #expect(arrays.map(\.name) == ["conv1.weight", "conv1.scale"])
    #expect(arrays.map(\.element) == ["Int8", "Float"])
    #expect(arrays.map(\.offset) == [0, 384])
    #expect(layout().byteCount == 512)
    #expect(layout(Float.self).arrays[1].offset == 1280)
  }

  @Test func whatWasPackedIsMappedAndPackedOnce() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let first = try cache().mapping("x", content(layout()))
    #expect(first.packedArrays[299] == 7 && first.packedArrays[384 + 2] == 7)
    #expect(Int(bitPattern: first.packedArrays.baseAddress) % FileMapping.alignment == 0)
    // Another packing would give other bytes.
    let second = try cache().mapping("x", content(layout(), packing: 9))
    #expect(second.packedArrays.elementsEqual(first.packedArrays))
  }

  /// As many bytes under the same name, of another type or with another name for an array.
  @Test func arraysOfAnotherKindArePackedAnew() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    _ = try cache().mapping("x", content(layout()))
    let unsigned = try cache().mapping("x", content(layout(UInt8.self), packing: 9))
    #expect(unsigned.packedArrays[299] == 9)
    var renamed = PackedLayout(kernels: "portable")
    _ = renamed.add("conv2.weight", UInt8.self, count: 300)
    _ = renamed.add("conv1.scale", Float.self, count: 3)
    let other = try cache().mapping("x", content(renamed, packing: 5))
    #expect(other.packedArrays[299] == 5)
  }

  @Test func whatPackingThrowsIsThrownAndNothingIsLeft() throws {
    struct Failure: Error {}
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let failing = PackedContent(description: [1], byteCount: 128) { _ in throw Failure() }
    #expect(throws: Failure.self) { try cache().mapping("x", failing) }
    let left = try FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(left.allSatisfy { $0.hasSuffix(".lock") })
  }
}
