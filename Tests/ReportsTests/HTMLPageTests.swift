import Testing

@testable import Reports

struct HTMLPageTests {
  /// File names and class names may hold anything.
  @Test func nothingInATextIsMarkup() {
    #expect(HTMLPage.escaped("<a b=\"c\">&") == "&lt;a b=&quot;c&quot;&gt;&amp;")
    // With an accent behind it a sign is another character, but to a browser still the same sign.
    for sign in ["<", ">", "\"", "'", "&"] {
      let html = HTMLPage.escaped("\(sign)\u{301}")
      #expect(!html.unicodeScalars.dropFirst().contains { "<>\"'".unicodeScalars.contains($0) })
      #expect(html.hasPrefix("&") && html.unicodeScalars.contains(";"), "\(html)")
    }
    #expect(HTMLPage.escaped("Grün 👩‍🚀") == "Grün 👩‍🚀")
  }
}
