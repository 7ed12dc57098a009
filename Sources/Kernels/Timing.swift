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

/// The books on the time of one thread's layers.
final class LayerTimes {
  private let timing: UnsafeMutablePointer<avp_timing>
  /// Where the kernels add time; nil while nobody measures.
  private(set) var target: UnsafeMutablePointer<avp_timing>?

  init() {
    timing = .allocate(capacity: 1)
    timing.initialize(to: avp_timing())
  }

  deinit { timing.deallocate() }

  /// Starts, or starts anew, to measure.
  func start() {
    timing.pointee = avp_timing()
    target = timing
  }

  /// Time and operations of each class, in the order of all of them, since ``start()``; measures no
  /// longer.
  func stop() -> [LayerTime] {
    target = nil
    return LayerClass.allCases.map { layer in
      LayerTime(
        layer: layer, seconds: avp_class_seconds(timing, layer.index),
        operations: avp_class_operations(timing, layer.index))
    }
  }

  /// Adds the time that `work` takes to `layer`, if time is measured.
  func measure(_ layer: LayerClass, operations: Double = 0, _ work: () -> Void) {
    guard target != nil else { return work() }
    let start = avp_seconds()
    work()
    avp_add_time(timing, layer.index, avp_seconds() - start, operations)
  }
}

extension Workspace {
  /// Starts, or starts anew, to measure the time of each class of layers.
  package func startTiming() {
    times.start()
    scratch.timing = times.target
  }

  /// Time and operations of each class since ``startTiming()``; measures no longer.
  package func stopTiming() -> [LayerTime] {
    scratch.timing = nil
    return times.stop()
  }

  /// Adds the time that `work` takes to `layer`, if time is measured.
  func measure(_ layer: LayerClass, operations: Double = 0, _ work: () -> Void) {
    times.measure(layer, operations: operations, work)
  }
}

extension IntegerWorkspace {
  /// Starts, or starts anew, to measure the time of each class of layers.
  package func startTiming() {
    times.start()
    scratch.timing = times.target
  }

  /// Time and operations of each class since ``startTiming()``; measures no longer.
  package func stopTiming() -> [LayerTime] {
    scratch.timing = nil
    return times.stop()
  }
}
