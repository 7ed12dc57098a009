/// What a setting decides, and so who must agree about it.
package enum SettingRole: Sendable, Equatable {
  /// The numbers of a run: recorded in the model, the same on all ranks and on resume.
  case numbers
  /// The numbers of steps to come: as ``numbers``, but a resumed run may ask for another value.
  case comingSteps
  /// What ranks exchange: the same on all ranks, recorded nowhere.
  case exchange
  /// Nothing but this process.
  case process
}

/// What stands behind an option, for the shell's completion.
package enum SettingCompletion: Sendable, Equatable {
  case nothing
  case files
  case folders
  case words([String])
}

/// All that is known of a setting apart from how it is read: for help, the manual, completions.
package struct SettingFacts: Sendable {
  /// The option without its dashes, such as `epochs`; one letter has a single dash.
  package let name: String
  /// What stands for the value, such as `N`; nil for an option without a value.
  package let placeholder: String?
  /// What it does, in one line.
  package let help: String
  /// The default as a person reads it; nil where there is none.
  package let defaultText: String?
  /// The values it may have, in words, such as "from 1 to 1024"; nil for any.
  package let range: String?
  /// The heading under which help shows it.
  package let group: String
  /// What it decides.
  package let role: SettingRole
  /// What completes its value.
  package let completion: SettingCompletion
  /// The option and the value without which it has no effect.
  package let needs: SettingNeed?

  /// The option as it is typed: `--epochs`.
  package var option: String { name.count == 1 ? "-\(name)" : "--\(name)" }
  /// The option with what stands for its value: `--epochs N`.
  package var usage: String { placeholder.map { "\(option) \($0)" } ?? option }
}

/// What a setting needs to have an effect.
package enum SettingNeed: Sendable, Equatable {
  /// Another one with one of these values.
  case with(String, [String])
  /// That another one is not given.
  case without(String)
}
