import Foundation
import ImageCodecs
import TensorFormats
import Testing

/// Images of every kind with the pixels that Pillow reads from them: JPEG and PNG from
/// `scripts/make-golden-pictures`, all others from `scripts/make-golden-formats`.
struct GoldenImages {
  private let common: SafeTensorsFile
  private let others: SafeTensorsFile

  init() throws {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    func file(_ name: String) throws -> SafeTensorsFile {
      try SafeTensorsFile(path: tests.appending(path: "Golden/\(name).safetensors").path())
    }
    (common, others) = (try file("decoding"), try file("formats"))
  }

  /// The names of all kinds; each begins with that of its format.
  var kinds: [String] { Self.kinds(of: common) + otherKinds }

  /// The names of the kinds that are neither JPEG nor PNG.
  var otherKinds: [String] { Self.kinds(of: others) }

  private static func kinds(of file: SafeTensorsFile) -> [String] {
    file.names.compactMap { $0.hasSuffix(".file") ? String($0.dropLast(5)) : nil }
  }

  private func file(of kind: String) -> SafeTensorsFile {
    kind.hasPrefix("jpeg-") || kind.hasPrefix("png-") ? common : others
  }

  func bytes(_ kind: String) throws -> [UInt8] {
    try file(of: kind).bytes(kind + ".file").values
  }

  /// Height, width and 3, and the pixels.
  func pixels(_ kind: String) throws -> (shape: [Int], values: [UInt8]) {
    let tensor = try file(of: kind).bytes(kind + ".pixels")
    return (tensor.shape, tensor.values)
  }
}

@Suite struct GoldenDecodingTests {
  @Test func everyKindGivesPillowsPixels() throws {
    let golden = try GoldenImages()
    #expect(golden.kinds.count > 270)
    for kind in golden.kinds {
      let bytes = try golden.bytes(kind)
      guard let image = try? decodeImage(bytes) else {
        Issue.record("\(kind): \(refusal(bytes) ?? "")")
        continue
      }
      let expected = try golden.pixels(kind)
      #expect([image.height, image.width, 3] == expected.shape, "\(kind)")
      #expect(largestDifference(image.pixels, expected.values) == 0, "\(kind)")
    }
  }

  @Test(
    .enabled(if: reference("AVP_TEST_GOLDEN") != nil, "AVP_TEST_GOLDEN is not set"),
    .enabled(if: reference("AVP_TEST_DATA") != nil, "AVP_TEST_DATA is not set"))
  func realImagesGivePillowsPixels() throws {
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
