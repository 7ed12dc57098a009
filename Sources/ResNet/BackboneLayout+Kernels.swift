import Kernels
import ResNetWeights

/// What the kernels can compute: channels that fill whole vectors.
private enum ChannelLimits {
  static let multiple = 8
  static let most = 1 << 14

  static func allow(_ channels: Int) -> Bool {
    channels > 0 && channels % multiple == 0 && channels <= most
  }

  static let sentence = "must be a multiple of \(multiple) up to \(most)"
}

extension BackboneLayout {
  /// Why a network of these widths cannot be computed, although its weights are whole; nil where it
  /// can.
  package var objection: String? {
    let channels = [stemWidth] + widths + outputs
    return channels.first { !ChannelLimits.allow($0) }.map {
      "a layer has \($0) channels; their number \(ChannelLimits.sentence)"
    }
  }
}

extension BackboneNetwork.Convolution {
  /// The extents for the kernels.
  var shape: ConvolutionShape {
    ConvolutionShape(inputs: inputs, outputs: outputs, kernel: kernel, stride: stride)
  }
}
