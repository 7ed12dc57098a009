import FileIO
import Launching
import Settings

/// `completions`: what teaches a shell the commands and options.
struct CompletionsCommand: Command {
  static let name = "completions"
  static let summary = "print the completions of a shell"
  static let discussion = """
    Prints what makes a shell complete the commands and options. For bash add \
    `eval "$(avp-dist completions bash)"` to ~/.bashrc; for zsh write it into a file _avp-dist in \
    a folder of $fpath; for fish into ~/.config/fish/completions/avp-dist.fish.
    """
  static let operands: String? = "bash|zsh|fish"
  static let example = "avp-dist completions bash"
  static let settings: [Setting<Self>] = []

  var shell = Shell.bash

  mutating func take(_ operands: [String]) throws(UsageError) {
    guard operands.count == 1, let shell = Shell(written: operands[0]) else {
      throw UsageError("Name one shell: bash, zsh or fish.")
    }
    self.shell = shell
  }

  func run() throws { try printResult(Settings.completions(for: shell, of: commands)) }
}

/// `reference`: the manual page, and all options as Markdown.
struct ReferenceCommand: Command {
  static let name = "reference"
  static let summary = "print the manual page, or docs/options.md"
  static let discussion = """
    Prints the manual page, for `man -l` or for a folder of $MANPATH, or with --format markdown \
    the reference of all commands and options, which is docs/options.md.
    """
  static let example = "avp-dist reference > avp-dist.1 && man -l avp-dist.1"
  static let settings: [Setting<Self>] = [
    Setting("format", \.format, "which of the two", group: "Output")
  ]

  enum Format: String, SettingChoice { case man, markdown }

  var format = Format.man

  func run() throws {
    switch format {
    case .markdown: try printResult(optionsReference(of: commands).dropLast().description)
    case .man:
      try printResult(
        manualPage(
          version: toolVersion, summary: "transfer learning of image classifiers on CPU clusters",
          of: commands, sections: Self.sections))
    }
  }

  private static var sections: [(heading: String, terms: [(term: String, meaning: String)])] {
    [
      ("Exit status", ExitStatus.allCases.map { ("\($0.rawValue)", $0.meaning) }),
      (
        "Environment",
        [
          ("AVP_WEIGHTS", "the backbone where --weights is not given"),
          ("AVP_KERNELS", "the kernels to use, of those that --version names"),
          ("XDG_CACHE_HOME", "where the folder avp-dist with prepared weights and features lies"),
        ]
      ),
    ]
  }
}
