import Tensors

/// Which framework's methods of resizing and augmenting images are followed.
package enum Preset: String, CaseIterable, Codable, Sendable {
  /// torchvision on Pillow images: bilinear resizing with antialiasing; an affine map with
  /// nearest sampling, black outside; 8-bit values between the steps.
  case pytorch
  /// keras-preprocessing 1.0: nearest resizing; an affine map with bilinear sampling, the nearest
  /// edge outside, whose results are not rounded.
  case keras

  /// The normalisation that the framework's own ImageNet weights expect; other weights have theirs.
  package var normalisation: Normalisation { self == .pytorch ? .torch : .caffe }
}
