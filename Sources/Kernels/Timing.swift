internal import CKernels

/// The kinds of layers whose speed `bench` reports apart from each other.
package enum LayerClass: String, CaseIterable, Sendable {
  /// conv1.
  case stem
  /// 1x1 convolutions.
  case pointwise
  /// Matrix products of 3x3 convolutions with stride 1.
  case products
  /// Matrix products of 3x3 convolutions with stride 2.
  case strided
  /// Winograd transforms around those products.
  case transforms
  /// Max-pooling, channel means and copying images in.
  case pooling

  fileprivate var index: Int32 {
    switch self {
    case .stem: Int32(AVP_CLASS_STEM)
    case .pointwise: Int32(AVP_CLASS_POINTWISE)
    case .products: Int32(AVP_CLASS_PRODUCTS)
    case .strided: Int32(AVP_CLASS_STRIDED)
    case .transforms: Int32(AVP_CLASS_TRANSFORMS)
    case .pooling: Int32(AVP_CLASS_POOLING)
    }
  }
}

/// What the layers of one class took.
package struct LayerTime: Equatable, Sendable {
  /// The class.
  package let layer: LayerClass
  /// Processor time of the thread, in seconds.
  package let seconds: Double
  /// Floating-point operations that were really done (two a multiply-add, Winograd's savings taken
  /// off); 0 for classes without matrix products.
  package let operations: Double
}

extension Workspace {
  /// Starts, or starts anew, to measure the time of each class of layers.
  package func startTiming() {
    timing.pointee = avp_timing()
    scratch.timing = timing
  }

  /// Time and operations of each class, in the order of all of them, since ``startTiming()``; measures
  /// no longer.
  package func stopTiming() -> [LayerTime] {
    scratch.timing = nil
    return LayerClass.allCases.map { layer in
      LayerTime(
        layer: layer, seconds: avp_class_seconds(timing, layer.index),
        operations: avp_class_operations(timing, layer.index))
    }
  }

  /// Adds the time that `work` takes to `layer`, if time is measured.
  func measure(_ layer: LayerClass, operations: Double = 0, _ work: () -> Void) {
    guard scratch.timing != nil else { return work() }
    let start = avp_seconds()
    work()
    avp_add_time(timing, layer.index, avp_seconds() - start, operations)
  }
}
