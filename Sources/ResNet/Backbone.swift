import Kernels
import ResNetWeights
import Tensors

/// A frozen ResNet: images to feature vectors.
///
/// A backbone never changes, and any number of threads may use it, each with a worker of its own. The
/// features of an image are the same bits whatever other images share the call and whichever thread
/// computes them.
package protocol Backbone: Sendable {
  /// The network up to the feature layer.
  var network: BackboneNetwork { get }
  /// Height and width of the images, in pixels.
  var inputSize: Int { get }
  /// What its numbers are.
  var precision: Precision { get }
  /// Which kernels compute, by their path's name.
  var kernels: String { get }
  /// What decides the bits of the features besides weights, network and input, in words.
  var identity: String { get }
  /// Why the packed weights are not shared through the cache that was given, if they are not.
  var cacheWarning: String? { get }

  /// A function for one thread that computes the features of at most ``ImageGroups/most`` images.
  ///
  /// - Throws: an `OutOfMemory`.
  func makeWorker() throws -> BackboneWorker
  /// A function for one thread that measures how long each class of layers takes.
  ///
  /// - Throws: an `OutOfMemory`.
  func makeTimedWorker() throws -> TimedBackboneWorker
  /// A function for one thread that computes one image and shows what leaves the max-pooling, under
  /// the name of conv1, and each block.
  ///
  /// - Throws: an `OutOfMemory`.
  func makeObservedWorker() throws -> ObservedBackboneWorker
  /// The highest rates that this processor's arithmetic reached on one core, measured for `seconds`
  /// each.
  func measurePeaks(seconds: Double) -> PeakRates
}

/// Images to the channel means after the feature layer, ``Backbone/featureCount`` numbers an image.
/// Throws a ``BackboneError`` if an image has a wrong size, or if features are not finite.
package typealias BackboneWorker = ([BackboneInput]) throws -> [[Float]]
/// The same for the time of each class of layers, in the order of all of them.
package typealias TimedBackboneWorker = ([BackboneInput]) throws -> [LayerTime]
/// An image to its features, as ``BackboneWorker`` has them, while somebody looks at the layers.
package typealias ObservedBackboneWorker = (
  BackboneInput, @escaping LayerObserver
) throws -> [Float]
/// Sees the layers of an image; `numbers` are what leaves one, as real numbers, rows from the top,
/// channels innermost, and are read out only where they are asked for.
package typealias LayerObserver = (_ layer: String, _ numbers: () -> [Float]) -> Void

extension Backbone {
  /// How many features an image has: the channels of the feature layer.
  package var featureCount: Int { network.layout.featureCount }
  /// The stage whose channel means are the features.
  package var featureLayer: FeatureLayer { FeatureLayer.allCases[network.stages.count - 1] }
}

/// What a backbone computes with.
package enum Precision: String, CaseIterable, Codable, Sendable {
  /// 32-bit floats.
  case f32
  /// Whole numbers of 8 bits, with sums of 32.
  case int8
}

/// An image as a backbone of one precision takes it: rows from the top, channels innermost, in the
/// order of the network's channels.
package enum BackboneInput: Sendable {
  /// For f32: normalised as the weights need it.
  case numbers([Float])
  /// For int8: the pixel values.
  case bytes([UInt8])

  var numbers: [Float] {
    guard case .numbers(let numbers) = self else {
      preconditionFailure("a backbone of floats was given bytes")
    }
    return numbers
  }

  var bytes: [UInt8] {
    guard case .bytes(let bytes) = self else {
      preconditionFailure("a backbone of integers was given floats")
    }
    return bytes
  }
}

/// Rates of one core in registers alone, in operations a second, two a multiply-add; 0 where they are
/// not known.
package struct PeakRates: Sendable {
  /// Of the products that convolutions are.
  package let products: Double
  /// Of those that tiles of Winograd's method are.
  package let tiles: Double

  /// Takes the rates as they are.
  package init(products: Double, tiles: Double) {
    self.products = products
    self.tiles = tiles
  }
}

extension BackboneNetwork {
  /// The network that the tensors' shapes make up, as far as a feature layer.
  ///
  /// - Throws: a ``BackboneError`` that names what is wrong with the tensors, the feature layer or the
  ///   size of images; a `FileError` if the tensors' names cannot be read.
  init(
    of weights: any TensorSource, _ conventions: WeightConventions,
    upTo featureLayer: FeatureLayer?,
    inputSize: Int
  ) throws {
    guard inputSize % 32 == 0, (64...1024).contains(inputSize) else {
      throw BackboneError(
        .input,
        "images of \(inputSize) pixels a side cannot be used: "
          + "a multiple of 32 from 64 to 1024 is needed")
    }
    let check = try BackboneCheck(weights)
    if let problem = check.problems.first { throw problem }
    if let objection = check.layout.objection {
      throw BackboneError(.weights, "\(weights.path): \(objection)")
    }
    let deepest = check.layout.blocks.count
    let last = featureLayer?.number ?? deepest
    guard last <= deepest else {
      throw BackboneError(
        .weights,
        "\(weights.path): layer\(last) was asked for, but the file ends with layer\(deepest)")
    }
    self.init(check.layout.first(stages: last), conventions)
  }
}
