import Testing

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats

/// Pickles that want something done, or want too much.
@Suite struct HostilePickleTests {
  /// A zip archive as `torch.save` makes it, with this pickle.
  static func archive(
    _ pickle: [UInt8], storage: [UInt8] = [0, 0, 0, 0]
  ) throws -> [UInt8] {
    let folder = TemporaryFolder()
    var zip = try ZipWriter(to: folder.file("model.pth"))
    try zip.add("model/data.pkl", pickle)
    try zip.add("model/data/0", storage)
    try zip.finish()
    return try ByteSource(path: folder.file("model.pth")).wholeFile()
  }

  private func error(_ pickle: String, tail: [UInt8] = []) throws -> FileError? {
    let bytes = try Self.archive([0x80, 2] + Array(pickle.utf8) + tail)
    return failure { try loadBackboneWeights(bytes: bytes, path: "evil.pth") }
  }

  /// Each calls a function in one of the ways that pickles have.
  @Test(arguments: [
    ("cos\nsystem\n(X\u{4}\0\0\0reboottR.", "os.system"),
    ("cbuiltins\neval\n(X\u{1}\0\0\01tR.", "builtins.eval"),
    ("cposix\nsystem\n(X\u{2}\0\0\0idtR.", "posix.system"),
    ("csubprocess\nPopen\n(X\u{2}\0\0\0idtR.", "subprocess.Popen"),
    ("ctorch.storage\n_load_from_bytes\n.", "torch.storage._load_from_bytes"),
    ("ctorch\nload\n.", "torch.load"),
    ("c__builtin__\ngetattr\n.", "__builtin__.getattr"),
    ("ctorch._utils\n_rebuild_tensor_v9\n.", "torch._utils._rebuild_tensor_v9"),
    ("ctorch\nfloat_power\n.", "torch.float_power"), ("ctorch.cuda\nSize\n.", "torch.cuda.Size"),
    ("cargparse\nNamespace\n.", "argparse.Namespace"), ("cbuiltins\nlist\n.", "builtins.list"),
    ("ctorchvision.models.resnet\nResNet\n.", "torchvision.models.resnet.ResNet"),
    ("ccollections\nOrderedDict.__init__\n.", "collections.OrderedDict.__init__"),
  ])
  func functionsAreRefusedByName(_ pickle: String, _ name: String) throws {
    let error = try error(pickle)
    #expect(error?.kind == .unsupported)
    #expect(error?.description.contains("\"\(name)\"") == true)
    #expect(error?.description.contains("nothing was executed") == true)
  }

  @Test func namesOnTheStackAreRefusedToo() throws {
    // STACK_GLOBAL takes module and name from the stack.
    let pickle = "X\u{2}\0\0\0osX\u{6}\0\0\0system"
    #expect(try error(pickle, tail: [0x93, 0x2E])?.description.contains("os.system") == true)
    #expect(try error("K\u{1}K\u{2}", tail: [0x93, 0x2E])?.kind == .damaged)
  }

  /// INST, OBJ, NEWOBJ, NEWOBJ_EX, EXT1, BUILD on an object, PERSID, REDUCE of what is no function.
  @Test(arguments: [
    "(ios\nsystem\n.", "(cos\nsystem\no.", "Pid\n.", "K\u{1})R.", "]}b.", "V1\n.", "I1\n.", "F1\n.",
    "(dp0\n.", "l.", "2.",
  ])
  func otherOpcodesAreRefused(_ pickle: String) throws {
    #expect(try error(pickle) != nil)
    #expect(try error("", tail: [0x82, 1, 0x2E])?.description.contains("opcode 0x82") == true)
    #expect(try error("", tail: [0x81, 0x2E])?.kind == .damaged)
    #expect(try error("", tail: [0x92, 0x2E])?.description.contains("opcode 0x92") == true)
    #expect(try error("", tail: [0x97, 0x2E])?.description.contains("opcode 0x97") == true)
  }

  @Test func damagedPickles() throws {
    for pickle in [
      "", ".", "(.", "t.", "0.", "K", "h\u{5}.", "}K\u{1}s.", "]K\u{1}u.", "X\u{FF}", "cos", "a.",
      "R.", "Q.", "]\u{90}.",
      ")Q.", "(X\u{7}\0\0\0storagetQ.", "K\u{1}.", "}.",
      "ccollections\nOrderedDict\nK\u{1}\u{85}R.",
    ] {
      #expect(try error(pickle) != nil, "\(pickle)")
    }
  }

  @Test func nestingAndSharingAreBounded() throws {
    // Tuples in tuples, a million deep.
    let tuples = [UInt8](repeating: 0x85, count: 900_000)
    #expect(try error("N", tail: tuples + [0x2E])?.description.contains("nest") == true)
    // Each tuple holds the one before twice: a walk would take 2^60 steps.
    var shared = Array(")q\0".utf8)
    for _ in 0..<60 { shared += Array("0h\0h\0".utf8) + [0x86] + Array("q\0".utf8) }
    #expect(try error("", tail: shared + [0x2E]) != nil)
    // More opcodes than any state_dict has.
    let long = [UInt8](repeating: UInt8(ascii: "]"), count: 1_100_000)
    #expect(try error("", tail: long)?.description.contains("1000000 opcodes") == true)
  }

  @Test func absurdLengthsAreRefused() throws {
    for tail: [UInt8] in [
      [0x8D] + [UInt8](repeating: 0xFF, count: 8), [0x8D, 0, 0, 0, 0, 0, 0, 0, 0x40],
      Array("X".utf8) + [0xFF, 0xFF, 0xFF, 0x7F], [0x8A, 0xFF],
    ] {
      #expect(try error("", tail: tail)?.kind == .damaged)
    }
  }

  /// A state_dict of one tensor in a storage with this many elements.
  private func tensor(
    offset: Int = 0, shape: [Int], strides: [Int], count: Int = 1
  ) -> [UInt8] {
    let tensor = TestPickle.tensor(offset: offset, shape: shape, strides: strides, count: count)
    return TestPickle.stateDict([("conv1.weight", tensor)])
  }

  @Test func tensorsOutsideOfTheirStorageAreRefused() throws {
    for pickle in [
      tensor(offset: 1, shape: [1], strides: [1]), tensor(offset: -1, shape: [1], strides: [1]),
      tensor(offset: .max, shape: [1], strides: [1]), tensor(shape: [2], strides: [1]),
      // Stride zero: a huge tensor out of one number.
      tensor(shape: [1 << 40], strides: [0]), tensor(shape: [1 << 32, 1 << 32], strides: [0, 0]),
      tensor(shape: [1], strides: [-1]), tensor(shape: [2], strides: [.max], count: 5),
      tensor(shape: [-1], strides: [1]), tensor(shape: [1], strides: []),
    ] {
      #expect(try error("", tail: pickle)?.kind == .damaged)
    }
    // The pickle promises more than the file has.
    let promise = try error("", tail: tensor(shape: [100], strides: [1], count: 100))
    #expect(promise?.description.contains("too short") == true)
    let huge = try error("", tail: tensor(shape: [1], strides: [1], count: .max))
    #expect(huge?.description.contains("too short") == true)
  }
}

extension ByteSource {
  /// Everything in the file.
  func wholeFile() throws -> [UInt8] { try bytes(at: 0, count: count) }
}
