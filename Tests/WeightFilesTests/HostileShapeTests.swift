import FileIO
import Testing

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats
@testable import Tensors

/// Extents that multiply to nothing, or to more than any memory holds.
@Suite struct HostileShapeTests {
  private static let huge = 1 << 62

  @Test func countsOfElements() {
    #expect(elementCount([]) == 1)
    #expect(elementCount([2, 3, 4]) == 24)
    #expect(elementCount([0, 5]) == 0)
    for shape in [
      [Self.huge, 4, 0], [0, 4, Self.huge], [Self.huge], [-1], [0, -1], [1 << 20, 1 << 21],
      [.max, .max],
    ] {
      #expect(elementCount(shape) == nil, "\(shape)")
    }
    #expect(elementCount([1 << 20, 1 << 20]) == 1 << 40)
  }

  /// A good safetensors file and one more tensor without elements.
  @Test(arguments: ["4611686018427387904,4,0", "0,4,4611686018427387904"])
  func emptyTensorsInSafetensors(_ shape: String) throws {
    let good = try Golden.bytes("reference.safetensors")
    let length = good[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    let size = good.count - 8 - length
    let entry = #""dtype":"F32","shape":[\#(shape)],"data_offsets":[\#(size),\#(size)]"#
    let header =
      "{\"fc.weight\":{\(entry)}," + String(decoding: good[9..<8 + length], as: UTF8.self)
    let bytes = safeTensors(header, data: Array(good[(8 + length)...]))
    let error = failure { try loadBackboneWeights(bytes: bytes, path: "evil") }
    #expect(error?.description.contains("shape and size of \"fc.weight\" disagree") == true)
  }

  @Test func emptyViewsOfStorages() throws {
    for (offset, shape, strides) in [
      (Self.huge, [0], [1]), (2, [0], [1]), (0, [0, 4, Self.huge], [4, 1, 1]),
      (0, [Self.huge, 0], [5, 5]), (0, [Self.huge, 4, 0], [0, 0, 1]),
    ] {
      let pickle = TestPickle.stateDict([
        ("fc.weight", TestPickle.tensor(offset: offset, shape: shape, strides: strides))
      ])
      let bytes = try HostilePickleTests.archive(pickle)
      let error = failure { try loadBackboneWeights(bytes: bytes, path: "evil.pth") }
      #expect(error?.kind == .damaged, "\(shape)")
    }
    let empty = TorchView(
      storage: TorchStorage(key: "0", type: .float32, count: 4), offset: 4, shape: [3, 0],
      strides: [7, 7])
    #expect(empty?.isContiguous == true)
    #expect(empty?.range == 4..<4)
  }

  /// Only the stretch of the storage from the first to the last element is read.
  @Test func viewsKnowTheirStretch() throws {
    let view = try #require(
      TorchView(
        storage: TorchStorage(key: "0", type: .float32, count: 100), offset: 10, shape: [2, 3],
        strides: [1, 4]))
    #expect(view.range == 10..<20)
    #expect(!view.isContiguous)
    let span = view.range.map(Float.init)
    #expect(view.gather(span) == [10, 14, 18, 11, 15, 19])
  }

  /// Without elements a huge extent must cost nothing: these two would not end.
  @Test func emptyKernelsAreTransposedAtOnce() throws {
    let table = TensorTable([
      "kernel": Tensor(shape: [0, 0, 1 << 20, 1 << 20], values: []),
      "matrix": Tensor(shape: [0, 1 << 40], values: []),
    ])
    let mapped = MappedTensors(
      table, ["kernel": .convolution("kernel"), "matrix": .transposed("matrix")])
    #expect(try mapped.floats("kernel").shape == [1 << 20, 1 << 20, 0, 0])
    #expect(try mapped.floats("matrix").shape == [1 << 40, 0])
  }

  /// Shapes without data, as a source would give that does not compare them.
  private struct Shapes: TensorSource {
    let shapes: [String: [Int]]
    let path = "shapes"
    let metadata: [String: String] = [:]
    var names: [String] { sortedByBytes(shapes.keys) }
    func shape(of name: String) -> [Int]? { shapes[name] }
    func elementType(of name: String) -> ElementType? { shapes[name] == nil ? nil : .float32 }
    func floats(_ name: String) throws(FileError) -> Tensor<Float> {
      throw .missingTensor(name, in: path)
    }
  }

  @Test(arguments: [1 << 62, 1 << 40, 0, -1])
  func theStemIsBounded(_ width: Int) {
    let source = Shapes(shapes: [
      "conv1.weight": [width, 3, 7, 7], "layer1.0.conv3.weight": [8, 2, 1, 1],
    ])
    let error = failure { try BackboneLayout(of: source) }
    #expect(error?.kind == .entryMismatch)
    #expect(error?.entry == "conv1.weight")
  }

  // MARK: Pickles that make much out of little

  private func error(_ pickle: [UInt8], storage: [UInt8] = [0, 0, 0, 0]) throws -> FileError? {
    let bytes = try HostilePickleTests.archive(pickle, storage: storage)
    return failure { try loadBackboneWeights(bytes: bytes, path: "evil.pth") }
  }

  @Test func tensorsThatOverlapTooOftenAreRefused() throws {
    let count = 20_000
    let whole = TestPickle.tensor(shape: [count], strides: [1], count: count)
    let pickle = TestPickle.stateDict((0..<1000).map { ("fc.\($0)", whole) })
    let error = try error(pickle, storage: [UInt8](repeating: 0, count: 4 * count))
    #expect(error?.kind == .unsupported)
    #expect(error?.description.contains("overlap") == true)
  }

  @Test func longKeysAreRefused() throws {
    let key = String(repeating: "k", count: 300)
    let storage = TestPickle.stateDict([
      ("conv1.weight", TestPickle.tensor(shape: [1], strides: [1], key: key))
    ])
    #expect(try error(storage)?.description.contains("no storage") == true)
    let name = String(repeating: "n", count: 5000)
    let long = TestPickle.stateDict([(name, TestPickle.tensor(shape: [1], strides: [1]))])
    #expect(try error(long)?.description.contains("key of 5000 bytes") == true)
  }

  @Test func messagesStayShort() throws {
    let many = [Int](repeating: 1, count: 100_000)
    let pickle = TestPickle.stateDict([
      ("conv1.weight", TestPickle.tensor(shape: many, strides: many))
    ])
    let error = try #require(try error(pickle))
    #expect(error.description.utf8.count < 500)
  }
}

/// Pickles as `torch.save` writes them, of anything.
enum TestPickle {
  /// A dictionary from names to pickled values.
  static func stateDict(_ entries: [(String, [UInt8])]) -> [UInt8] {
    [0x80, 2] + Array("}(".utf8) + entries.flatMap { text($0.0) + $0.1 } + Array("u.".utf8)
  }

  /// A tensor of one storage of `count` floats.
  static func tensor(
    offset: Int = 0, shape: [Int], strides: [Int], count: Int = 1, key: String = "0"
  ) -> [UInt8] {
    let storage =
      Array("(".utf8) + text("storage") + Array("ctorch\nFloatStorage\n".utf8) + text(key)
      + text("cpu") + number(count) + Array("tQ".utf8)
    return Array("ctorch._utils\n_rebuild_tensor_v2\n(".utf8) + storage + number(offset)
      + tuple(shape) + tuple(strides) + Array("tR".utf8)
  }

  private static func number(_ value: Int) -> [UInt8] { [0x8A, 8] + little(value, 8) }

  private static func tuple(_ values: [Int]) -> [UInt8] {
    Array("(".utf8) + values.flatMap(number) + Array("t".utf8)
  }

  private static func text(_ text: String) -> [UInt8] {
    Array("X".utf8) + little(text.utf8.count, 4) + Array(text.utf8)
  }
}
