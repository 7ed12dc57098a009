import Testing

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats

/// What stands beside the weights in pickles, and the ways in which versions of Python and PyTorch
/// write them.
@Suite struct PickleValueTests {
  /// Sets, counters, bytes, types, quantised and sparse tensors: all that
  /// `torch.load(weights_only=True)` reads, in every protocol that PyTorch can write.
  @Test(arguments: 1...5)
  func everyProtocolAndValueIsRead(_ version: Int) throws {
    let reference = try Golden.reference()
    let weights = try loadBackboneWeights(Golden.path("protocol-\(version).pth"))
    #expect(weights.layout.blocks == [1])
    for name in weights.names {
      #expect(try weights.floats(name) == reference.floats(name), "\(name)")
    }
  }

  private func read(_ pickle: [UInt8]) throws -> PickleContent {
    try PickleReader.read([0x80, 2] + pickle + Array(".".utf8), path: "old.pth")
  }

  private func keys(_ pickle: String) throws -> [String] {
    let content = try read(Array(pickle.utf8))
    guard case .dictionary(let index) = content.root else { return [] }
    return content.dictionaries[index].map(\.key)
  }

  /// Python 2 gives an OrderedDict its pairs as one list of lists.
  @Test func dictionariesOfPython2() throws {
    let call = "ccollections\nOrderedDict\n"
    #expect(try keys(call + "(](](U\u{1}aK\u{1}e](U\u{1}bNeetR") == ["a", "b"])
    #expect(try keys(call + "(]((U\u{1}aK\u{1}tetR") == ["a"])
    #expect(try keys(call + ")R") == [])
    for wrong in ["(](](U\u{1}aeetR", "(](K\u{1}etR", "(]](K\u{1}eK\u{2}tR", "(K\u{1}tR"] {
      #expect(failure { try keys(call + wrong) }?.kind == .damaged, "\(wrong)")
    }
  }

  /// A list that many calls name costs its length each time.
  @Test func copiesAreBounded() throws {
    var pickle = Array("](".utf8)
    for _ in 0..<1000 { pickle += Array("](U\u{1}aK\u{1}e".utf8) }
    pickle += Array("eq\0".utf8)
    for _ in 0..<1100 { pickle += Array("ccollections\nOrderedDict\n(h\0tR0".utf8) }
    let bytes = pickle
    #expect(failure { try read(bytes) }?.description.contains("used too often") == true)
  }

  /// Strings of Python 2 hold bytes of any encoding.
  @Test func stringsThatAreNotUTF8() throws {
    let content = try read([UInt8(ascii: "U"), 4, 0x4A, 0x6F, 0x73, 0xE9])
    guard case .string(let text) = content.root else {
      Issue.record("no text")
      return
    }
    #expect(text == "José")
  }

  @Test(arguments: [
    ("I01\n", "boolean(true)"), ("I12\n", "integer(12)"), ("L-5L\n", "integer(-5)"),
    ("L99999999999999999999L\n", "other(\"a large number\")"),
  ])
  func numbersInDigits(_ pickle: String, _ value: String) throws {
    #expect("\(try read(Array(pickle.utf8)).root)".hasSuffix(value))
  }

  /// Values beside the weights are passed over; in index of weights they are named.
  @Test func whatIsNoTensorIsNamed() throws {
    let set = Array("c__builtin__\nset\n(](U\u{1}aetR".utf8)
    let bytes = try HostilePickleTests.archive(TestPickle.stateDict([("classes", set)]))
    let error = failure { try loadBackboneWeights(bytes: bytes, path: "set.pth") }
    #expect(error?.description.contains("the entry \"classes\" is a set") == true)
    #expect(error?.description.contains("save model.state_dict()") == true)
  }

  @Test func networksUnderKeysAreNamed() throws {
    let tensor = TestPickle.tensor(shape: [1], strides: [1])
    let network = Array("}(".utf8) + Array("U\u{1}a".utf8) + tensor + Array("u".utf8)
    func failureOf(_ entries: [(String, [UInt8])]) throws -> FileError? {
      let bytes = try HostilePickleTests.archive(TestPickle.stateDict(entries))
      return failure { try loadBackboneWeights(bytes: bytes, path: "two.pth") }
    }
    let two = try failureOf([("student", network), ("teacher", network), ("epoch", [0x4B, 1])])
    #expect(two?.description.contains("several networks, under \"student\", \"teacher\"") == true)
    #expect(two?.description.contains("torch.load(\"two.pth\")[\"student\"]") == true)
    // Alone it is taken.
    #expect(try failureOf([("student", network), ("epoch", [0x4B, 1])])?.entry == "conv1.weight")
  }

  /// A tensor may be any stretch of a storage, in any order: a slice, a column, a transpose.
  @Test(
    arguments: [
      (2, [2, 3], [3, 1], [2, 3, 4, 5, 6, 7]), (1, [3], [4], [1, 5, 9]),
      (0, [4, 3], [1, 4], [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]), (11, [], [], [11]),
    ] as [(Int, [Int], [Int], [Float])])
  func viewsOfAStorageAreRead(
    _ offset: Int, _ shape: [Int], _ strides: [Int], _ expected: [Float]
  ) throws {
    let tensor = TestPickle.tensor(offset: offset, shape: shape, strides: strides, count: 12)
    let storage = littleEndianBytes(of: (0..<12).map(Float.init))
    let bytes = try HostilePickleTests.archive(
      TestPickle.stateDict([("x", tensor)]), storage: storage)
    let file = try TorchFile(
      zip: ZipArchive(ByteSource(bytes, path: "view.pth")), path: "view.pth")
    #expect(file.shape(of: "x") == shape)
    #expect(try file.floats("x").values == expected)
  }
}
