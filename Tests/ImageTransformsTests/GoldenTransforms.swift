import Foundation
import ImageTransforms
import TensorFormats
import Tensors

/// What Pillow and keras-preprocessing make of images, from `scripts/make-golden-pictures` and
/// others beside it.
struct GoldenTransforms {
  let file: SafeTensorsFile

  init(_ name: String = "transforms") throws {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    file = try SafeTensorsFile(path: tests.appending(path: "Golden/\(name).safetensors").path())
  }

  func image(_ name: String) throws -> RGBImage {
    let tensor = try file.bytes(name)
    return RGBImage(width: tensor.shape[1], height: tensor.shape[0], pixels: tensor.values)
  }

  func floats(_ name: String) throws -> [Float] { try file.floats(name).values }

  /// The variations that the images were made with.
  func variations() throws -> [AffineParameters] {
    let tensor = try file.doubles("variations")
    return (0..<tensor.shape[0]).map { row in
      let numbers = tensor.values[row * 4..<row * 4 + 4].map { $0 }
      return AffineParameters(
        shear: numbers[0], zoom: numbers[1], columnZoom: numbers[2], flips: numbers[3] != 0)
    }
  }
}

/// The largest difference of two equally long lists; infinite if they are not.
func largestDifference(_ first: [Float], _ second: [Float]) -> Float {
  guard first.count == second.count else { return .infinity }
  return zip(first, second).reduce(0) { max($0, abs($1.0 - $1.1)) }
}

/// The largest difference of two images of one size; 256 if their sizes differ.
func largestDifference(_ first: RGBImage, _ second: RGBImage) -> Float {
  guard first.width == second.width, first.height == second.height else { return 256 }
  return largestDifference(first.pixels.map(Float.init), second.pixels.map(Float.init))
}
