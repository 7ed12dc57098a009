import FileIO
import Kernels
import ResNet
import ResNetWeights
import TensorFormats
import Tensors
import Testing

/// Real images through real weights, against features that PyTorch computed in double precision.
@Suite(
  .enabled(
    if: folder("AVP_TEST_GOLDEN") != nil && folder("AVP_TEST_WEIGHTS") != nil,
    "AVP_TEST_GOLDEN or AVP_TEST_WEIGHTS is not set"))
struct GoldenTests {
  @Test(arguments: availablePaths, ["bilinear", "nearest"])
  func featuresOfRealImages(path: KernelPath, filter: String) throws {
    let golden = try SafeTensorsFile(
      path: "\(folder("AVP_TEST_GOLDEN") ?? "")/pictures.safetensors")
    let weights = try SafeTensorsFile(
      path: "\(folder("AVP_TEST_WEIGHTS") ?? "")/resnet50-caffe-stage4.safetensors")
    let conventions = WeightConventions(stridePosition: .firstConvolution, maxPool: .ceiling)
    let backbone = try FloatBackbone(weights: weights, conventions: conventions, kernels: path)
    #expect(backbone.featureLayer == .layer3)
    let rgb = try golden.bytes("rgb_\(filter)224")
    let expected = try golden.doubles("features_layer3_\(filter)")
    let images = rgb.values.split(images: rgb.shape[0]).map(caffeNormalised)
    let workspace = try backbone.makeWorkspace()
    let features = try images.map { try backbone.features(of: [$0], workspace: workspace)[0] }
    for (features, expected) in zip(features, expected.values.split(images: images.count)) {
      #expect(relativeError(features, Array(expected)) < 2e-5)
    }
  }
}

extension Array {
  fileprivate func split(images: Int) -> [ArraySlice<Element>] {
    (0..<images).map { self[count / images * $0..<count / images * ($0 + 1)] }
  }
}

/// Blue, green, red, less the means of the Caffe original.
private func caffeNormalised(_ rgb: ArraySlice<UInt8>) -> [Float] {
  let mean: [Float] = [103.939, 116.779, 123.68]
  return stride(from: rgb.startIndex, to: rgb.endIndex, by: 3).flatMap { pixel in
    (0..<3).map { Float(rgb[pixel + 2 - $0]) - mean[$0] }
  }
}
