import Testing

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats

@Suite struct JSONReaderTests {
  private func string(_ text: String) throws -> String {
    var reader = JSONReader(Array(text.utf8))
    let string = try reader.string()
    try reader.finish()
    return string
  }

  @Test func stringsWithEscapes() throws {
    #expect(try string(#" "a\"\\\/\b\f\n\r\té\ud83d\udef8" "#) == "a\"\\/\u{8}\u{c}\n\r\té🛸")
    for text in [#""\x""#, #""\u12""#, #""\ud83d""#, #""\ud83d\u0041""#, "\"\n\"", #""\u+123""#] {
      #expect(throws: JSONReader.Failure.self) { try string(text) }
    }
    #expect(throws: JSONReader.Failure.self) {
      var reader = JSONReader([0x22, 0xFF, 0x22])
      _ = try reader.string()
    }
  }

  @Test func writtenStringsAreReadBack() throws {
    let text = "quote \" backslash \\ bell \u{7} line\n tab\t é 🛸"
    #expect(try string(jsonString(text)) == text)
  }

  @Test func numbers() throws {
    func whole(_ text: String) throws -> Int {
      var reader = JSONReader(Array(text.utf8))
      return try reader.wholeNumber()
    }
    #expect(try whole(" 9223372036854775807") == .max)
    #expect(try whole("0") == 0)
    for text in ["9223372036854775808", "-1", "+1", "1e3", "1.0", "01", "", "x"] {
      #expect(throws: JSONReader.Failure.self) { try whole(text) }
    }
    var reader = JSONReader(Array("-1.5e3 1e999".utf8))
    #expect(try reader.number() == -1500)
    #expect(throws: JSONReader.Failure.self) { try reader.number() }
  }

  @Test func skippingReadsEveryKindOfValue() throws {
    var reader = JSONReader(Array(#"{"a":[1,true,false,null,"x",{"b":[]}],"c":-2.5} "#.utf8))
    try reader.skip()
    try reader.finish()
    for text in ["[1,]", "{\"a\"}", "nul", "[", "{\"a\":1", "\"", "[1 2]"] {
      #expect(throws: JSONReader.Failure.self) {
        var reader = JSONReader(Array(text.utf8))
        try reader.skip()
      }
    }
  }

  @Test func deepNestingIsRefused() {
    var reader = JSONReader([UInt8](repeating: UInt8(ascii: "["), count: 1_000_000))
    #expect(throws: JSONReader.Failure.self) { try reader.skip() }
  }
}
