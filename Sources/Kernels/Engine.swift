internal import CKernels

/// Computes the layers of a network on one kernel path, in a workspace.
package struct Engine: Sendable {
  /// Which kernels compute.
  package let path: KernelPath
  let weights: PackedArrays

  /// Makes an engine for weights that are packed for `path`.
  package init(_ path: KernelPath, _ weights: PackedArrays) {
    self.path = path
    self.weights = weights
  }

  /// Copies an image of `size` x `size` x 3 floats into a frame of zeros.
  ///
  /// - Precondition: the image has that many values and fits the buffer.
  package func frame(
    _ image: [Float], size: Int, into buffer: FeatureBuffer, _ workspace: Workspace
  ) {
    precondition(image.count == size * size * 3)
    precondition(WorkspaceLayout.framedFloats(size: size) <= buffer.capacity)
    workspace.measure(.pooling) {
      avp_frame_image(image, Int32(size), workspace.pointer(buffer))
    }
  }

  /// conv1 with its ReLU and the max-pooling after it: the framed image to pooled maps. `between`
  /// is where conv1's output goes, or a part of it; `padding` is the
  /// pooling's on the left and at the top, 0 or 1.
  ///
  /// - Precondition: the extents of the maps are those that the layer's shape demands, and the
  ///   buffer holds a framed image.
  package func stem(
    _ layer: PackedConvolution, from buffer: FeatureBuffer, through between: FeatureMap,
    to output: FeatureMap, padding: Int, _ workspace: Workspace
  ) {
    precondition(layer.shape.kernel == 7 && layer.shape.inputs == 3 && layer.shape.stride == 2)
    precondition(between.channels == layer.shape.outputs && between.images == 1)
    precondition(output.channels == layer.shape.outputs && output.images == 1)
    precondition((0...1).contains(padding))
    precondition(2 * (output.size - 1) - padding < between.size)
    precondition(WorkspaceLayout.framedFloats(size: 2 * between.size) <= buffer.capacity)
    precondition(7 * between.size <= Workspace.rowPointers)
    var operands = avp_convolution()
    operands.input = UnsafePointer(workspace.pointer(buffer))
    operands.size = Int32(2 * between.size)
    operands.images = 1
    describe(layer, to: between, &operands, workspace)
    operands.relu = 1
    var pool = avp_max_pool()
    pool.input = UnsafePointer(workspace.pointer(between))
    pool.output = workspace.pointer(output)
    pool.input_stride = between.pixelStride
    pool.output_stride = output.pixelStride
    pool.size = Int32(between.size)
    pool.output_size = Int32(output.size)
    pool.channels = Int32(between.channels)
    pool.offset = Int32(-padding)
    if let table = path.table {
      table.pointee.stem(&operands, &pool, &workspace.scratch)
    } else {
      multiplyStem(operands, workspace)
      workspace.measure(.pooling) { avp_pool_maxima(&pool) }
    }
  }

  /// A 1x1 or 3x3 convolution; one that accumulates is added to what `output` holds, before the
  /// ReLU.
  ///
  /// - Precondition: the extents of the maps are those that the layer's shape demands; only a 1x1
  ///   convolution accumulates; a layer has at most 2^14 channels.
  package func convolve(
    _ layer: PackedConvolution, from input: FeatureMap, to output: FeatureMap,
    accumulating: Bool = false, relu: Bool, _ workspace: Workspace
  ) {
    let shape = layer.shape
    precondition(input.channels == shape.inputs && output.channels == shape.outputs)
    precondition(input.images == output.images && output.size >= 2)
    precondition(shape.kernel == 1 || (shape.kernel == 3 && !accumulating))
    precondition(shape.outputSize(of: input.size) == output.size)
    precondition(Workspace.serves(shape), "\(shape) is too wide")
    var operands = avp_convolution()
    operands.input = UnsafePointer(workspace.pointer(input))
    operands.input_stride = input.pixelStride
    operands.size = Int32(input.size)
    operands.images = Int32(input.images)
    describe(layer, to: output, &operands, workspace)
    operands.accumulate = accumulating ? 1 : 0
    operands.relu = relu ? 1 : 0
    if let table = path.table {
      let kernel = shape.kernel == 1 ? table.pointee.pointwise : table.pointee.convolve_3x3
      guard let kernel else { preconditionFailure("the \(path) kernels lack a function") }
      kernel(&operands, &workspace.scratch)
    } else {
      multiply(operands, kernel: shape.kernel, workspace)
    }
  }

  /// The numbers of a single map: rows from the top, channels innermost.
  package func numbers(of map: FeatureMap, _ workspace: Workspace) -> [Float] {
    precondition(map.images == 1)
    let start = workspace.pointer(map)
    return (0..<map.size * map.size).flatMap { pixel in
      UnsafeBufferPointer(start: start + pixel * map.pixelStride, count: map.channels)
    }
  }

  /// The mean of every channel of a single map.
  package func channelMeans(of map: FeatureMap, _ workspace: Workspace) -> [Float] {
    precondition(map.images == 1)
    return [Float](unsafeUninitializedCapacity: map.channels) { means, count in
      workspace.measure(.pooling) {
        avp_channel_means(
          workspace.pointer(map), Int32(map.size * map.size), map.pixelStride,
          Int32(map.channels), means.baseAddress)
      }
      count = map.channels
    }
  }

  private func describe(
    _ layer: PackedConvolution, to output: FeatureMap, _ operands: inout avp_convolution,
    _ workspace: Workspace
  ) {
    operands.weights = weights.floats(at: layer.weights)
    operands.bias = weights.floats(at: layer.bias)
    operands.output = workspace.pointer(output)
    operands.output_stride = output.pixelStride
    operands.inputs = Int32(layer.shape.inputs)
    operands.outputs = Int32(layer.shape.outputs)
    operands.stride = Int32(layer.shape.stride)
  }
}
