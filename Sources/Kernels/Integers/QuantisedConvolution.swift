internal import CKernels

/// A convolution in integers, as `docs/int8.md` defines it: what is packed for an integer path.
package struct QuantisedConvolution: Sendable {
  /// The extents in channels of the network.
  package let shape: ConvolutionShape
  /// The weights in the order [output][kernel row][kernel column][input], padded with zeros.
  let weights: [Int8]
  /// One value an output channel, with the rounding of the shift; padded with zeros.
  let bias: [Int32]
  let shift: [Int32]
  let multiplier: [Int16]

  /// What becomes of one output's sum.
  package struct Requantisation: Equatable, Sendable {
    /// The bias without the rounding of the shift.
    package var bias: Int32
    /// 0 to 24.
    package var shift: Int32
    /// 0 to 32767.
    package var multiplier: Int16

    /// Takes the numbers as they are.
    package init(bias: Int32, shift: Int32, multiplier: Int16) {
      self.bias = bias
      self.shift = shift
      self.multiplier = multiplier
    }
  }

  /// Takes the numbers as they are; nil if a sum of some output could leave 32 bits.
  ///
  /// - Parameters:
  ///   - weights: -127 to 127, in the order [output][kernel row][kernel column][input].
  ///   - outputs: one for each output channel.
  /// - Precondition: the counts are those that `shape` says, the numbers in their ranges.
  package init?(shape: ConvolutionShape, weights: [Int8], outputs: [Requantisation]) {
    precondition(weights.count == shape.depth * shape.outputs && outputs.count == shape.outputs)
    let padded = shape.paddedForIntegers
    var all = [Int8](repeating: 0, count: padded.depth * padded.outputs)
    let area = shape.kernel * shape.kernel
    for output in 0..<shape.outputs {
      var size = 0
      for tap in 0..<area {
        let from = (output * area + tap) * shape.inputs
        let to = (output * area + tap) * padded.inputs
        for input in 0..<shape.inputs {
          let weight = weights[from + input]
          precondition(weight != .min)
          size += Int(weight.magnitude)
          all[to + input] = weight
        }
      }
      let requantisation = outputs[output]
      precondition((0...Int32(AVP_MOST_SHIFT)).contains(requantisation.shift))
      precondition(requantisation.multiplier >= 0)
      let most = 255 * size + Int(requantisation.bias.magnitude) + 1 << 24
      guard most <= Int(Int32.max) else { return nil }
    }
    func pad<Number: FixedWidthInteger>(_ numbers: [Number]) -> [Number] {
      numbers + [Number](repeating: 0, count: padded.outputs - shape.outputs)
    }
    self.shape = shape
    self.weights = all
    bias = pad(outputs.map { $0.bias + ($0.shift > 0 ? 1 << ($0.shift - 1) : 0) })
    shift = pad(outputs.map(\.shift))
    multiplier = pad(outputs.map(\.multiplier))
  }

  /// Packs the convolution for `path` into `bytes`, which are zeros.
  ///
  /// - Precondition: they are as many as ``ConvolutionShape/packedBytes(_:)`` says, and begin at a
  ///   multiple of 64.
  package func pack(for path: IntegerPath, into bytes: UnsafeMutableRawBufferPointer) {
    guard let table = path.table, let start = bytes.baseAddress else {
      preconditionFailure("nothing to pack for \(path)")
    }
    precondition(bytes.count >= shape.packedBytes(path))
    weights.withUnsafeBufferPointer { weights in
      bias.withUnsafeBufferPointer { bias in
        shift.withUnsafeBufferPointer { shift in
          multiplier.withUnsafeBufferPointer { multiplier in
            var operands = avp_integer_weights(
              shape: shape.integerShape, weights: weights.baseAddress, bias: bias.baseAddress,
              shift: shift.baseAddress, multiplier: multiplier.baseAddress)
            table.pointee.pack(&operands, start)
          }
        }
      }
    }
  }
}

extension ConvolutionShape {
  /// The channels of a map in the memory of integer kernels.
  static func paddedChannels(_ channels: Int) -> Int {
    let multiple = Int(AVP_INTEGER_CHANNELS)
    return (channels + multiple - 1) / multiple * multiple
  }

  /// The shape with channels as integer kernels have them in memory.
  var paddedForIntegers: ConvolutionShape {
    ConvolutionShape(
      inputs: kernel == 7 ? inputs : Self.paddedChannels(inputs),
      outputs: Self.paddedChannels(outputs), kernel: kernel, stride: stride)
  }

  /// The padded shape for the kernels.
  var integerShape: avp_integer_shape {
    let padded = paddedForIntegers
    return avp_integer_shape(
      inputs: Int32(padded.inputs), outputs: Int32(padded.outputs), kernel: Int32(kernel),
      stride: Int32(stride))
  }

  /// Bytes of a convolution of this shape packed for `path`.
  package func packedBytes(_ path: IntegerPath) -> Int {
    guard let table = path.table else { preconditionFailure("\(path) is not to be had here") }
    var shape = integerShape
    return table.pointee.packed_bytes(&shape)
  }
}
