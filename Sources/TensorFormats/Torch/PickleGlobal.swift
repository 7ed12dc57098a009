import Tensors

/// The functions and classes that a pickle may name: those that `torch.load(weights_only=True)`
/// knows, and NumPy's numbers. Every other one is refused.
///
/// None of them is ever called: ``PickleReader`` does what the first few mean, and of the others
/// only remembers that something was there.
package enum PickleGlobal: Sendable, Equatable {
  case orderedDict
  /// `_rebuild_tensor` and `_rebuild_tensor_v2`.
  case rebuildTensor
  /// A tensor that is a parameter, with attributes or without.
  case parameter
  /// `_rebuild_from_type_v2`: a tensor of a class of its own, or with attributes.
  case rebuildFromType
  case size
  case storageType(ElementType)
  /// Something that no weights are made of, by what a message calls it.
  case plain(String)

  /// The global called `name` in `module`, or nil if it is not one of the known ones.
  package init?(module: String, name: String) {
    switch module {
    case "torch", "torch.cuda":
      if let type = Self.storageTypes[name] {
        self = .storageType(type)
      } else if module == "torch", name == "Size" {
        self = .size
      } else if module == "torch", Self.isPlain(name) {
        self = .plain("a fact about tensors")
      } else {
        return nil
      }
    default:
      guard let global = Self.known["\(module).\(name)"] else { return nil }
      self = global
    }
  }

  private static let known: [String: PickleGlobal] = {
    var known: [String: PickleGlobal] = [
      "collections.OrderedDict": .orderedDict,
      "torch._utils._rebuild_tensor": .rebuildTensor,
      "torch._utils._rebuild_tensor_v2": .rebuildTensor,
      "torch._utils._rebuild_parameter": .parameter,
      "torch._utils._rebuild_parameter_with_state": .parameter,
      "torch.nn.parameter.Parameter": .parameter,
      "torch._tensor._rebuild_from_type_v2": .rebuildFromType,
      // Tensors of types that have no storage class; it has the bytes, the call the type.
      "torch.storage.UntypedStorage": .storageType(.uint8),
      "torch._utils._rebuild_tensor_v3": .plain("a tensor of a type that is not read"),
      "torch._utils._rebuild_qtensor": .plain("a quantised tensor"),
      "torch.serialization._get_layout": .plain("a fact about tensors"),
      "collections.Counter": .plain("a counter"), "_codecs.encode": .plain("bytes"),
    ]
    for name in ["sparse", "nested"] {
      known["torch._utils._rebuild_\(name)_tensor"] = .plain("a \(name) tensor")
    }
    for name in [
      "meta_tensor_no_storage", "wrapper_subclass", "device_tensor_from_numpy",
      "device_tensor_from_cpu_tensor",
    ] {
      known["torch._utils._rebuild_\(name)"] = .plain("a tensor without numbers of its own")
    }
    for (name, what) in [
      ("set", "a set"), ("frozenset", "a set"), ("bytes", "bytes"), ("bytearray", "bytes"),
      ("complex", "a complex number"),
    ] {
      known["builtins.\(name)"] = .plain(what)
      known["__builtin__.\(name)"] = .plain(what)
    }
    for module in ["numpy.core.multiarray", "numpy._core.multiarray"] {
      known["\(module).scalar"] = .plain("a number of NumPy")
    }
    known["numpy.dtype"] = .plain("a type of NumPy")
    return known
  }()

  /// Element types such as `float32`, ways of quantising, devices and the class of tensors itself.
  private static func isPlain(_ name: String) -> Bool {
    if ["Tensor", "device", "bool"].contains(name) { return true }
    if name.hasPrefix("per_tensor_") || name.hasPrefix("per_channel_") { return true }
    let family = name.prefix { $0.isLetter }
    return ["float", "bfloat", "int", "uint", "complex", "qint", "quint", "bits"].contains(family)
      && name.dropFirst(family.count).first?.isNumber == true
  }

  /// Types of the same size stand for those whose numbers are not read.
  private static let storageTypes: [String: ElementType] = [
    "DoubleStorage": .float64, "FloatStorage": .float32, "HalfStorage": .float16,
    "BFloat16Storage": .bfloat16, "LongStorage": .int64, "IntStorage": .int32,
    "ShortStorage": .int16, "CharStorage": .int8, "ByteStorage": .uint8, "BoolStorage": .bool,
    "QInt8Storage": .int8, "QUInt8Storage": .uint8, "QInt32Storage": .int32,
    "ComplexFloatStorage": .uint64, "UntypedStorage": .uint8,
  ]
}
