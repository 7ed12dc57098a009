/// A region of a ``Workspace`` for a stack of square feature maps.
package struct FeatureBuffer: Sendable, Equatable {
  /// Where it begins, in floats from the workspace's start.
  let offset: Int
  /// How many floats it has room for.
  let capacity: Int

  /// The buffer seen as `images` maps of `size` x `size` pixels with `channels` channels.
  ///
  /// - Precondition: they fit.
  package func maps(_ images: Int, size: Int, channels: Int) -> FeatureMap {
    let map = FeatureMap(offset: offset, images: images, size: size, channels: channels)
    precondition(map.floats <= capacity, "\(map) does not fit into \(capacity) floats")
    return map
  }
}

/// A stack of square NHWC feature maps in a workspace.
package struct FeatureMap: Sendable, Equatable {
  let offset: Int
  /// How many maps are stacked.
  package let images: Int
  /// Height and width in pixels.
  package let size: Int
  /// Channels of a pixel.
  package let channels: Int

  /// Floats between neighbouring pixels: whole vectors of any path, and a little more, so that
  /// pixels do not all fall into the same cache sets.
  var pixelStride: Int { Self.pixelStride(channels: channels) }

  /// Floats that the stack takes up.
  var floats: Int { images * size * size * pixelStride }

  static func pixelStride(channels: Int) -> Int { (channels + 31) / 32 * 32 + 16 }

  /// Image `index` alone.
  package func image(_ index: Int) -> FeatureMap {
    precondition(index >= 0 && index < images)
    return FeatureMap(
      offset: offset + index * size * size * pixelStride, images: 1, size: size,
      channels: channels)
  }
}

/// Adds up the buffers that a workspace must hold.
package struct WorkspaceLayout: Sendable, Equatable {
  private(set) var floats = 0

  /// Starts an empty layout.
  package init() {}

  /// Reserves room for the largest of `maps`.
  package mutating func reserve(_ maps: [(images: Int, size: Int, channels: Int)])
    -> FeatureBuffer
  {
    let needs = maps.map { map in
      map.images * map.size * map.size * FeatureMap.pixelStride(channels: map.channels)
    }
    guard let most = needs.max() else { preconditionFailure("no maps to make room for") }
    return reserve(floats: most)
  }

  /// Reserves room for one image of `size` x `size` x 3 in a frame of 3 pixels.
  package mutating func reserveImage(size: Int) -> FeatureBuffer {
    reserve(floats: Self.framedFloats(size: size))
  }

  /// Floats of an image of `size` x `size` x 3 in a frame of 3 pixels.
  static func framedFloats(size: Int) -> Int { (size + 6) * (size + 6) * 3 }

  mutating func reserve(floats count: Int) -> FeatureBuffer {
    let buffer = FeatureBuffer(offset: floats, capacity: count)
    // One line of 16 floats more, because the last vector of a row may reach over its end.
    floats += (count + 31) / 16 * 16
    return buffer
  }
}
