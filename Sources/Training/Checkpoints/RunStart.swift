/// From where a run starts: what `--resume` asks for.
package enum RunStart: Equatable, Sendable {
  /// From the beginning.
  case afresh
  /// From the newest whole checkpoint in the run's folder; from the beginning where there is none.
  case newest
  /// From the checkpoint at a path.
  case file(String)

  /// Reads the value of `--resume`, nil where it is not given.
  package init(resume word: String?) {
    switch word {
    case nil: self = .afresh
    case "auto": self = .newest
    case .some(let path): self = .file(path)
    }
  }
}
