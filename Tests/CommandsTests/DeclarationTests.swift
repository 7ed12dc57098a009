import Foundation
import Settings
import Testing
import Training

@testable import Commands

/// What follows from the declarations of all commands.
@Suite struct DeclarationTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  @Test func theReferenceIsUpToDate() throws {
    let file = Self.root.appendingPathComponent("docs/options.md")
    let text = try String(contentsOf: file, encoding: .utf8)
    #expect(
      text == optionsReference(of: commands),
      "run `avp-dist reference --format markdown > docs/options.md`")
  }

  @Test func everyHelpFitsTheScreen() {
    for command in commands {
      for line in command.help.split(separator: "\n") {
        #expect(line.count <= 79, "\(command.name): \(line)")
      }
    }
  }

  @Test func noOptionStandsTwice() {
    for command in commands {
      let names = command.settings.map(\.name)
      #expect(Set(names).count == names.count, "\(command.name)")
      #expect(!command.example.isEmpty && command.example.contains(command.name))
    }
    #expect(Set(commands.map(\.name)).count == commands.count)
  }

  @Test func whatDecidesNumbersIsInTheRecord() throws {
    // Every setting of `train` that decides numbers is one of the configuration, or of the backbone.
    let train = try #require(commands.first { $0.name == "train" })
    let numbers = train.settings.filter { $0.role == .numbers || $0.role == .comingSteps }
    let recorded =
      TrainingConfiguration.settings.map(\.facts.name) + ["feature-layer", "precision"]
    #expect(Set(numbers.map(\.name)) == Set(recorded))
  }
}
