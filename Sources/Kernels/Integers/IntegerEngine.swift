internal import CKernels

/// Computes the layers of a network in integers, in a workspace; `docs/int8.md` says what.
package struct IntegerEngine: Sendable {
  /// Which kernels compute.
  package let path: IntegerPath
  // Sendable although it holds a pointer: the table is constant.
  private nonisolated(unsafe) let table: UnsafePointer<avp_integer_kernels>

  /// Makes an engine.
  ///
  /// - Precondition: this processor can run the path.
  package init(_ path: IntegerPath) {
    guard let table = path.table else { preconditionFailure("\(path) is not to be had here") }
    self.path = path
    self.table = table
  }

  /// What is added to a convolution's words before they become activations.
  package enum Shortcut {
    case none
    /// Activations of a map, times a ratio of 0 to 32767.
    case activations(IntegerMap, ratio: Int)
    /// The words of a map.
    case words(IntegerMap)
  }

  /// Copies an image of `size` x `size` x 3 bytes into a frame of `outside`.
  ///
  /// - Precondition: the image has that many bytes and fits the buffer.
  package func frame(
    _ image: [UInt8], size: Int, outside: [UInt8], into buffer: IntegerBuffer,
    _ workspace: IntegerWorkspace
  ) {
    precondition(image.count == size * size * 3 && outside.count == 3)
    precondition(
      IntegerLayout.framedNumbers(size: size) * Int(table.pointee.activation) <= buffer.capacity)
    workspace.times.measure(.pooling) {
      table.pointee.frame(image, Int32(size), outside, workspace.pointer(buffer))
    }
  }

  /// conv1: the framed image to a map of half its size, of activations or of words.
  ///
  /// - Precondition: the extents of the map are those that `shape` demands, and the buffer holds a
  ///   framed image.
  package func stem(
    _ shape: ConvolutionShape, _ weights: UnsafeRawPointer, from buffer: IntegerBuffer,
    to output: IntegerMap, isWords: Bool = false, _ workspace: IntegerWorkspace
  ) {
    precondition(shape.kernel == 7 && shape.inputs == 3 && shape.stride == 2)
    precondition(output.images == 1)
    let numbers = IntegerLayout.framedNumbers(size: 2 * output.size)
    precondition(numbers * Int(table.pointee.activation) <= buffer.capacity)
    run(
      shape, weights, UnsafeRawPointer(workspace.pointer(buffer)), size: 2 * output.size, output,
      isWords, .none, workspace)
  }

  /// A 1x1 or 3x3 convolution.
  ///
  /// - Precondition: the extents of the maps are those that `shape` demands, the output is of words
  ///   if and only if `isWords`; only a 1x1 convolution has a shortcut.
  package func convolve(
    _ shape: ConvolutionShape, _ weights: UnsafeRawPointer, from input: IntegerMap,
    to output: IntegerMap, isWords: Bool = false, adding shortcut: Shortcut = .none,
    _ workspace: IntegerWorkspace
  ) {
    precondition(input.channels == shape.inputs && input.images == output.images)
    precondition(shape.outputSize(of: input.size) == output.size)
    precondition(shape.kernel == 1 || shape.kernel == 3)
    precondition(input.width == Int(table.pointee.activation))
    precondition(IntegerWorkspace.serves(shape), "\(shape) is too wide")
    run(
      shape, weights, UnsafeRawPointer(workspace.pointer(input)), size: input.size, output, isWords,
      shortcut, workspace)
  }

  /// 3x3 max-pooling with stride 2 of single maps; `padding` is that on the left and at the top, 0
  /// or 1.
  ///
  /// - Precondition: the maps have the same channels, and every window meets the input.
  package func maxPool(
    _ input: IntegerMap, to output: IntegerMap, padding: Int, _ workspace: IntegerWorkspace
  ) {
    precondition(input.images == 1 && output.images == 1 && input.channels == output.channels)
    precondition((0...1).contains(padding) && 2 * (output.size - 1) - padding < input.size)
    workspace.times.measure(.pooling) {
      table.pointee.max_pool(
        workspace.pointer(input), Int32(input.size), Int32(output.size), Int32(input.stride),
        Int32(-padding), workspace.pointer(output))
    }
  }

  /// The activations of a single map: rows from the top, channels innermost.
  package func activations(of map: IntegerMap, _ workspace: IntegerWorkspace) -> [UInt8] {
    let width = Int(table.pointee.activation)
    precondition(map.images == 1 && map.width == width)
    // The lower byte of two is the first on all processors that there are kernels for.
    let start = UnsafePointer(workspace.pointer(map).assumingMemoryBound(to: UInt8.self))
    return (0..<map.size * map.size).flatMap { pixel in
      (0..<map.channels).map { start[(pixel * map.stride + $0) * width] }
    }
  }

  /// The sum of every channel of a single map of activations.
  package func channelSums(of map: IntegerMap, _ workspace: IntegerWorkspace) -> [UInt32] {
    precondition(map.images == 1 && map.size <= 1 << 12)
    var sums = [UInt32](repeating: 0, count: map.stride)
    workspace.times.measure(.pooling) {
      table.pointee.channel_sums(
        workspace.pointer(map), Int32(map.size * map.size), Int32(map.stride), &sums)
    }
    return Array(sums[..<map.channels])
  }

  /// Adds to `counts[word + 32768]` for each word of a map, padding included.
  package func count(
    _ words: IntegerMap, into counts: inout [UInt64], _ workspace: IntegerWorkspace
  ) {
    precondition(words.width == 2 && counts.count == 1 << 16)
    avp_count_words(
      workspace.pointer(words).assumingMemoryBound(to: Int16.self), words.bytes / 2, &counts)
  }

  private func run(
    _ shape: ConvolutionShape, _ weights: UnsafeRawPointer, _ input: UnsafeRawPointer, size: Int,
    _ output: IntegerMap, _ isWords: Bool, _ shortcut: Shortcut, _ workspace: IntegerWorkspace
  ) {
    precondition(output.channels == shape.outputs)
    precondition(output.width == (isWords ? 2 : Int(table.pointee.activation)))
    var operands = avp_integer_convolution()
    operands.shape = shape.integerShape
    operands.images = Int32(output.images)
    operands.size = Int32(size)
    operands.input = input
    operands.weights = weights
    operands.output = workspace.pointer(output)
    operands.to = Int32(isWords ? AVP_TO_WORDS : AVP_TO_BYTES)
    operands.add = Int32(AVP_ADD_NOTHING)
    func add(_ map: IntegerMap, _ kind: Int, width: Int) {
      precondition(shape.kernel == 1 && map.width == width)
      precondition(map.images == output.images && map.size == output.size)
      precondition(map.channels == output.channels)
      operands.add = Int32(kind)
      operands.residual = UnsafeRawPointer(workspace.pointer(map))
    }
    switch shortcut {
    case .none: break
    case .activations(let map, let ratio):
      precondition((0...32767).contains(ratio))
      add(map, Int(AVP_ADD_BYTES), width: Int(table.pointee.activation))
      operands.residual_multiplier = Int32(ratio)
    case .words(let map): add(map, Int(AVP_ADD_WORDS), width: 2)
    }
    table.pointee.convolve(&operands, &workspace.scratch)
  }
}
