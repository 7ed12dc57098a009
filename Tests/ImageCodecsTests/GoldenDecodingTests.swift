import Foundation
import ImageCodecs
import TensorFormats
import Testing

/// Pictures of every kind with the pixels that Pillow reads from them, from
/// `scripts/make-golden-pictures`.
struct GoldenPictures {
  private let file: SafeTensorsFile

  init() throws {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    file = try SafeTensorsFile(path: tests.appending(path: "Golden/decoding.safetensors").path())
  }

  /// The names of all kinds.
  var kinds: [String] {
    file.names.compactMap { $0.hasSuffix(".file") ? String($0.dropLast(5)) : nil }
  }

  func bytes(_ kind: String) throws -> [UInt8] { try file.bytes(kind + ".file").values }

  /// Height, width and 3, and the pixels.
  func pixels(_ kind: String) throws -> (shape: [Int], values: [UInt8]) {
    let tensor = try file.bytes(kind + ".pixels")
    return (tensor.shape, tensor.values)
  }
}

@Suite struct GoldenDecodingTests {
  @Test func everyKindGivesPillowsPixels() throws {
    let golden = try GoldenPictures()
    #expect(golden.kinds.count > 70)
    for kind in golden.kinds {
      let image = try decodeImage(golden.bytes(kind))
      let expected = try golden.pixels(kind)
      #expect([image.height, image.width, 3] == expected.shape, "\(kind)")
      #expect(largestDifference(image.pixels, expected.values) == 0, "\(kind)")
    }
  }

  @Test(
    .enabled(if: reference("AVP_TEST_GOLDEN") != nil, "AVP_TEST_GOLDEN is not set"),
    .enabled(if: reference("AVP_TEST_DATA") != nil, "AVP_TEST_DATA is not set"))
  func realPicturesGivePillowsPixels() throws {
    let folder = try #require(reference("AVP_TEST_GOLDEN"))
    let data = try #require(reference("AVP_TEST_DATA"))
    let golden = try SafeTensorsFile(path: folder + "/pictures.safetensors")
    let names = try JSONDecoder().decode(
      [String].self, from: Data(try #require(golden.metadata["images"]).utf8))
    for (number, name) in names.enumerated() {
      let image = try decodeImage([UInt8](Data(contentsOf: URL(filePath: data + "/" + name))))
      let expected = try golden.bytes("decoded.\(number)")
      #expect([image.height, image.width, 3] == expected.shape, "\(name)")
      #expect(largestDifference(image.pixels, expected.values) == 0, "\(name)")
    }
  }
}

/// The folder of reference data that an environment variable names.
private func reference(_ variable: String) -> String? {
  ProcessInfo.processInfo.environment[variable]
}

/// The largest difference of two equally long lists; 256 if they are not. Says more, in fewer
/// words, than a comparison that prints both.
private func largestDifference(_ first: [UInt8], _ second: [UInt8]) -> Int {
  guard first.count == second.count else { return 256 }
  return zip(first, second).reduce(0) { max($0, abs(Int($1.0) - Int($1.1))) }
}
