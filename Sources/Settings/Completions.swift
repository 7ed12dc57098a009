/// The shells for which completions can be written.
package enum Shell: String, SettingChoice {
  case bash, zsh, fish
}

/// The text that teaches a shell to complete the tool's commands and options.
///
/// Bash: programmable completion of its manual; zsh: `_arguments` of zshcompsys(1); fish:
/// complete(1). `avp-dist` also stands behind `mpirun`, which completes files alone.
package func completions(for shell: Shell, of commands: [AnyCommand]) -> String {
  switch shell {
  case .bash: bashCompletions(commands)
  case .zsh: zshCompletions(commands)
  case .fish: fishCompletions(commands)
  }
}

// MARK: - bash

private func bashCompletions(_ commands: [AnyCommand]) -> String {
  var lines = [
    "# bash completion of avp-dist: source this file, or put it where bash-completion looks.",
    "_avp_dist() {",
    "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}",
    "  COMPREPLY=()",
    "  if [ \"$COMP_CWORD\" -eq 1 ]; then",
    "    COMPREPLY=($(compgen -W '\(commands.map(\.name).joined(separator: " "))' -- \"$current\"))",
    "    return",
    "  fi",
    "  case \"${COMP_WORDS[1]} $before\" in",
  ]
  for command in commands {
    for setting in command.settings where setting.placeholder != nil {
      lines.append("    '\(command.name) \(setting.option)') \(bashValue(setting)); return ;;")
    }
  }
  lines += ["  esac", "  case \"${COMP_WORDS[1]}\" in"]
  for command in commands {
    let options = (command.settings.map(\.option) + ["--help"]).joined(separator: " ")
    lines.append("    \(command.name)) COMPREPLY=($(compgen -W '\(options)' -- \"$current\")) ;;")
  }
  lines += [
    "  esac",
    "  [ \"${#COMPREPLY[@]}\" -gt 0 ] || COMPREPLY=($(compgen -f -- \"$current\"))",
    "}",
    "complete -o filenames -F _avp_dist avp-dist",
  ]
  return lines.joined(separator: "\n")
}

private func bashValue(_ setting: SettingFacts) -> String {
  switch setting.completion {
  case .nothing: ":"
  case .files: "COMPREPLY=($(compgen -f -- \"$current\"))"
  case .folders: "COMPREPLY=($(compgen -d -- \"$current\"))"
  case .words(let words):
    "COMPREPLY=($(compgen -W '\(words.joined(separator: " "))' -- \"$current\"))"
  }
}

// MARK: - zsh

private func zshCompletions(_ commands: [AnyCommand]) -> String {
  var lines = [
    "#compdef avp-dist",
    "# zsh completion of avp-dist: put this file as _avp-dist into a folder of $fpath.",
    "local -a commands=(",
  ]
  lines += commands.map { "  \(zshQuoted("\($0.name):\($0.summary)"))" }
  lines += [
    ")",
    "if (( CURRENT == 2 )); then",
    "  _describe -t commands 'avp-dist command' commands",
    "  return",
    "fi",
    "local command=$words[2]",
    "shift words; (( CURRENT-- ))",
    "case $command in",
  ]
  for command in commands {
    lines.append("  \(command.name)) _arguments \\")
    for setting in command.settings + [.help] { lines.append("    \(zshArgument(setting)) \\") }
    lines.append("    '*:file:_files' ;;")
  }
  return (lines + ["esac"]).joined(separator: "\n")
}

private func zshArgument(_ setting: SettingFacts) -> String {
  let help = setting.sentence.map { "[]:".contains($0) ? "\\\($0)" : "\($0)" }.joined()
  let head = "\(setting.option)[\(help)]"
  guard let placeholder = setting.placeholder else { return zshQuoted(head) }
  let action =
    switch setting.completion {
    case .nothing: ""
    case .files: "_files"
    case .folders: "_files -/"
    case .words(let words): "(\(words.joined(separator: " ")))"
    }
  return zshQuoted("\(head):\(placeholder.replacing(":", with: "\\:")):\(action)")
}

private func zshQuoted(_ text: String) -> String { "'\(text.replacing("'", with: "'\\''"))'" }

// MARK: - fish

private func fishCompletions(_ commands: [AnyCommand]) -> String {
  var lines = [
    "# fish completion of avp-dist: put this file into ~/.config/fish/completions.",
    "complete -c avp-dist -n __fish_use_subcommand -f",
  ]
  for command in commands {
    lines.append(
      "complete -c avp-dist -n __fish_use_subcommand -a \(command.name) "
        + "-d \(fishQuoted(command.summary))")
  }
  for command in commands {
    let condition = "-n '__fish_seen_subcommand_from \(command.name)'"
    for setting in command.settings + [.help] {
      let name = setting.name.count == 1 ? "-s \(setting.name)" : "-l \(setting.name)"
      lines.append(
        "complete -c avp-dist \(condition) \(name)\(fishValue(setting)) "
          + "-d \(fishQuoted(setting.sentence))")
    }
  }
  return lines.joined(separator: "\n")
}

private func fishValue(_ setting: SettingFacts) -> String {
  guard setting.placeholder != nil else { return "" }
  return switch setting.completion {
  case .nothing: " -x"
  case .files: " -r -F"
  case .folders: " -x -a '(__fish_complete_directories)'"
  case .words(let words): " -x -a \(fishQuoted(words.joined(separator: " ")))"
  }
}

private func fishQuoted(_ text: String) -> String {
  "'\(text.replacing("\\", with: "\\\\").replacing("'", with: "\\'"))'"
}
