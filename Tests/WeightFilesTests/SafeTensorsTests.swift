import FileIO
import Testing

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats
@testable import Tensors

@Suite struct SafeTensorsTests {
  @Test func writtenTensorsAreReadBack() throws {
    var writer = SafeTensorsWriter(metadata: ["b": "line\nbreak \"quoted\"", "a": "Ünïcödé 🛸"])
    writer.add("floats", Tensor<Float>(shape: [2, 2], values: [1, -0.0, .infinity, 0x1p-149]))
    writer.add("doubles", Tensor<Double>(shape: [3], values: [.pi, -1e300, 0.1]))
    writer.add("scalar", Tensor<Int64>(shape: [], values: [.min]))
    writer.add("empty", Tensor<Float>(shape: [0, 4], values: []))
    writer.add("bytes", Tensor<UInt8>(shape: [1, 3], values: [0, 128, 255]))
    let file = try SafeTensorsFile(bytes: writer.encoded(), path: "test")
    #expect(file.metadata == writer.metadata)
    #expect(file.names == ["bytes", "doubles", "empty", "floats", "scalar"])
    #expect(try file.floats("floats").values == [1, -0.0, .infinity, 0x1p-149])
    #expect(try file.doubles("doubles").values == [.pi, -1e300, 0.1])
    #expect(try file.floats("doubles").values == [Float(Double.pi), -.infinity, 0.1])
    #expect(try file.int64s("scalar") == Tensor(shape: [], values: [.min]))
    #expect(try file.floats("empty") == Tensor(shape: [0, 4], values: []))
    #expect(try file.bytes("bytes").values == [0, 128, 255])
    #expect(file.shape(of: "floats") == [2, 2])
    #expect(file.elementType(of: "doubles") == .float64)
    #expect(file.shape(of: "none") == nil)
  }

  @Test func bytesDoNotDependOnTheOrderOfAdding() {
    func file(_ names: [String]) -> [UInt8] {
      var writer = SafeTensorsWriter(metadata: ["z": "1", "y": "2"])
      for name in names { writer.add(name, Tensor<Float>(shape: [1], values: [1])) }
      writer.add("double", Tensor<Double>(shape: [1], values: [1]))
      return writer.encoded()
    }
    #expect(file(["a", "b", "c"]) == file(["c", "a", "b"]))
    #expect(file([]).count % 8 == 0)
  }

  @Test func halfPrecisionIsConverted() throws {
    let header = """
      {"h":{"dtype":"F16","shape":[5],"data_offsets":[0,10]},\
      "b":{"dtype":"BF16","shape":[2],"data_offsets":[10,14]}}
      """
    let halves: [UInt16] = [0x3C00, 0xC000, 0x0001, 0x7C00, 0x7BFF, 0x3F80, 0xC049]
    var data: [UInt8] = []
    data.append(littleEndian: halves)
    let file = try SafeTensorsFile(bytes: safeTensors(header, data: data), path: "test")
    #expect(try file.floats("h").values == [1, -2, 0x1p-24, .infinity, 65504])
    #expect(try file.floats("b").values == [1, -3.140625])
    #expect(try file.doubles("b").values == [1, -3.140625])
  }

  /// Conversion goes by pieces of 65,536 numbers.
  @Test func longTensorsInHalfPrecisionAreConvertedToTheirEnd() throws {
    let count = 65_536 + 3
    let header = #"{"h":{"dtype":"BF16","shape":[\#(count)],"data_offsets":[0,\#(2 * count)]}}"#
    let halves = (0..<count).map { UInt16($0 % 251) }
    let file = try SafeTensorsFile(
      bytes: safeTensors(header, data: littleEndianBytes(of: halves)), path: "test")
    #expect(try file.floats("h").values == halves.map { Float(bitPattern: UInt32($0) << 16) })
  }

  @Test func filesAndMemoryGiveTheSame() throws {
    let folder = TemporaryFolder()
    var writer = SafeTensorsWriter(metadata: ["format": "pt"])
    let values = (0..<100_000).map { Float($0) }
    writer.add("long", Tensor(shape: [100, 1000], values: values))
    try writer.write(to: folder.file("a.safetensors"))
    #expect(folder.contents == ["a.safetensors"])
    let file = try SafeTensorsFile(path: folder.file("a.safetensors"))
    #expect(try file.floats("long").values == values)
    #expect(try sha256(fileAt: folder.file("a.safetensors")) == sha256(writer.encoded()))
  }

  @Test func wrongTypeAndMissingTensorAreNamed() throws {
    var writer = SafeTensorsWriter()
    writer.add("count", Tensor<Int64>(shape: [1], values: [1]))
    let file = try SafeTensorsFile(bytes: writer.encoded(), path: "test")
    let wrong = failure { try file.floats("count") }
    #expect(wrong?.kind == .entryMismatch)
    #expect(
      wrong?.description == "test: the tensor \"count\" holds I64, not floating-point numbers")
    #expect(failure { try file.floats("no") }?.kind == .entryMissing)
    #expect(failure { try file.bytes("count") }?.entry == "count")
  }

  /// Each is the text of a header, and a part of the message that refuses it.
  static let damagedHeaders: [(String, String)] = [
    ("", "\"{\" expected at byte 0"),
    ("[]", "\"{\" expected"),
    ("{\"a\":", "expected"),
    ("{} x", "unexpected text"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", "shape and size"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", "leaves a gap"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", "too long"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[9],\"data_offsets\":[0,36]}}", "cut off"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", "incomplete"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", "whole number"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", "whole number"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[02],\"data_offsets\":[0,8]}}", "whole number"),
    ("{\"a\":{\"dtype\":\"Q4\",\"shape\":[2],\"data_offsets\":[0,8]}}", "\"Q4\""),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", "incomplete"),
    ("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", "unexpected"),
    ("{\"a\":{\"shape\":\(String(repeating: "[", count: 100))", "whole number"),
    (
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}",
      "shape and size"
    ),
    (
      "{\"a\":{\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,8]}}",
      "shape and size"
    ),
    (
      """
      {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},\
      "a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}
      """, "twice"
    ),
    (
      """
      {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},\
      "b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}
      """, "\"b\" overlaps"
    ),
    ("{\"__metadata__\":{\"a\":1}}", "expected"),
    ("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", "twice"),
    ("{\"__metadata__\":{},\"__metadata__\":{}}", "twice"),
    ("{\"\\ud800\":{}}", "half a character"),
  ]

  @Test(arguments: damagedHeaders)
  func damagedHeadersAreRefused(_ header: String, _ reason: String) {
    let error = failure {
      try SafeTensorsFile(
        bytes: safeTensors(header, data: [UInt8](repeating: 0, count: 8)), path: "bad.safetensors")
    }
    #expect(error?.kind == .damaged)
    #expect(error?.description.contains("bad.safetensors: ") == true)
    #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
  }

  @Test(arguments: [UInt64(1) << 63, .max, 17, 1 << 40])
  func absurdHeaderLengthIsRefused(_ length: UInt64) {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: [length])
    bytes += [UInt8](repeating: 0x20, count: 16)
    let error = failure { try SafeTensorsFile(bytes: bytes, path: "bad") }
    #expect(error?.kind == .damaged)
    #expect(error?.description.contains("\(length)") == true)
  }

  @Test func everyTruncationIsRefused() throws {
    var writer = SafeTensorsWriter(metadata: ["key": "value"])
    writer.add("a", Tensor<Float>(shape: [3], values: [1, 2, 3]))
    writer.add("b", Tensor<Int64>(shape: [1], values: [1]))
    let whole = writer.encoded()
    for length in 0..<whole.count {
      #expect(failure { try SafeTensorsFile(bytes: Array(whole[..<length]), path: "cut") } != nil)
    }
  }
}
