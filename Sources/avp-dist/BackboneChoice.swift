import Foundation

/// Which backbone `--weights` names.
enum BackboneChoice: Equatable, Sendable {
  /// A weight file.
  case file(String)
  /// The small backbone inside the tool, for `demo-data` pictures.
  case demo
  /// Random weights, for benchmarks.
  case random(seed: UInt64)

  /// Reads the option's word.
  init(_ word: String) throws {
    if word == "demo" {
      self = .demo
    } else if word == "random" {
      self = .random(seed: 0)
    } else if word.hasPrefix("random:") {
      guard let seed = UInt64(word.dropFirst(7)) else {
        throw UsageError("--weights random:SEED takes a whole number as SEED, not '\(word)'.")
      }
      self = .random(seed: seed)
    } else {
      self = .file(word)
    }
  }

  /// The choice of the option, or of the first default place that has a file.
  ///
  /// - Parameters:
  ///   - word: the value of `--weights`, nil when it is not given.
  ///   - folder: the folder that `weights/` is looked for in.
  static func resolve(
    _ word: String?, environment: [String: String], folder: String = "."
  ) throws -> BackboneChoice {
    if let word { return try BackboneChoice(word) }
    if let word = environment["AVP_WEIGHTS"], !word.isEmpty { return try BackboneChoice(word) }
    let local = folder == "." ? "weights" : folder + "/weights"
    let fetched = cacheFolder(environment).map { $0 + "/weights" }
    for place in [local, fetched].compactMap(\.self) {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? []
      if let name = names.filter({ $0.hasPrefix("resnet50") && !$0.hasSuffix(".part") }).sorted()
        .first
      {
        return .file("\(place)/\(name)")
      }
    }
    throw Failure(
      status: .missingInput,
      description: """
        There is no backbone. It was looked for in --weights, in $AVP_WEIGHTS, as weights/resnet50* \
        in this folder and in \(fetched ?? "$XDG_CACHE_HOME/avp-dist/weights").
        To fetch the official ImageNet weights:  scripts/fetch-weights resnet50-v1
        To try the tool on its own pictures:     avp-dist demo-data --output data, then --weights demo
        """)
  }

  /// Where the tool keeps what it can make or fetch again; nil where the user has no such place,
  /// because what lies where everybody may write cannot be trusted.
  static func cacheFolder(_ environment: [String: String]) -> String? {
    if let folder = environment["XDG_CACHE_HOME"], folder.hasPrefix("/") {
      return folder + "/avp-dist"
    }
    guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
    return home + "/.cache/avp-dist"
  }
}
