import Collectives
import Foundation
import ResNet
import ResNetWeights
import Settings
import Training

extension FeatureLayer: SettingChoice {}
extension Precision: SettingChoice {}
extension Exchange: SettingChoice {}

/// What every command that computes features lets people choose about this machine.
struct MachineSettings: SettingsGroup {
  /// Threads; nil for those that the process may use.
  var threads: Int?
  /// Where prepared weights and features are cached; nil for the user's own folder.
  var cacheFolder: String?

  static let settings: [Setting<Self>] = [
    Setting(
      "threads", \.threads, "N", in: .from(1, to: 1024), "threads of this process",
      group: "This machine", shown: "those it may use"),
    Setting(
      "cache-dir", \.cacheFolder, "DIR", "where prepared weights and features are cached",
      group: "This machine", shown: "$XDG_CACHE_HOME/avp-dist", completion: .folders),
  ]

  /// How to compute features here. Collective.
  func runOptions(_ communicator: any Communicator) throws -> RunOptions {
    var options = RunOptions()
    options.threads = try threads(communicator)
    return options
  }

  /// The folder that is kept between runs; nil where there is none.
  var cache: String? {
    cacheFolder ?? BackboneChoice.cacheFolder(ProcessInfo.processInfo.environment)
  }

  /// The threads to use. Collective, where they are to be divided among the ranks of a host.
  func threads(_ communicator: any Communicator) throws -> Int {
    let usable = try Processors.usable(communicator)
    return threads ?? usable
  }
}

/// The backbone of commands that choose one.
struct BackboneSettings: SettingsGroup {
  /// Which weights; nil for the default folders.
  var weights: BackboneChoice?
  /// The layer whose channel means are the features; nil for the deepest.
  var featureLayer: FeatureLayer?
  var precision = Precision.f32
  /// The file of int8's scales; nil to choose them on images.
  var calibration: String?
  var machine = MachineSettings()

  static let settings: [Setting<Self>] =
    [
      Setting(
        "weights", \.weights, "FILE|demo|random[:SEED]", "backbone weights", group: "Backbone",
        shown: "$AVP_WEIGHTS, else weights/resnet50*, else the fetched file", completion: .files),
      Setting(
        "feature-layer", \.featureLayer, "layer whose channel means are the features",
        group: "Backbone", role: .numbers, shown: "the deepest in the file"),
      Setting(
        "precision", \.precision, "what the backbone computes with", group: "Backbone",
        role: .numbers),
      Setting(
        "calibration", \.calibration, "FILE", "scales of `avp-dist calibrate`",
        group: "Backbone", shown: "train chooses them", completion: .files,
        needs: .with("precision", ["int8"])),
    ] + part(\.machine)
}

/// The trained model of commands that use one.
struct ModelSettings: SettingsGroup {
  var checkpoint = ""
  /// The backbone; nil for the run's.
  var weights: BackboneChoice?
  /// What it computes with; nil for the run's.
  var precision: Precision?
  /// The file of int8's scales; nil for the run's.
  var calibration: String?
  var machine = MachineSettings()

  static let settings: [Setting<Self>] =
    [
      Setting(
        "checkpoint", \.checkpoint, "RUN|FILE",
        "a run's folder, whose best model it is; a model or checkpoint of a run; or an exported "
          + "whole model", group: "Model", completion: .files)
    ] + settingsWithoutCheckpoint

  /// `report` names the run by itself.
  static let settingsWithoutCheckpoint: [Setting<Self>] =
    [
      Setting(
        "weights", \.weights, "FILE|demo|random[:SEED]", "the model's backbone", group: "Model",
        shown: "the run's", completion: .files),
      Setting(
        "precision", \.precision, "what the backbone computes with", group: "Model",
        shown: "the run's"),
      Setting(
        "calibration", \.calibration, "FILE", "scales of `avp-dist calibrate`", group: "Model",
        shown: "the run's", completion: .files, needs: .with("precision", ["int8"])),
    ] + part(\.machine)

  /// The path of the model.
  func requiredCheckpoint() throws(UsageError) -> String {
    try required(checkpoint, "checkpoint")
  }
}

extension BackboneChoice: SettingValue {
  init?(written: String) {
    switch written {
    case "demo": self = .demo
    case "random": self = .random(seed: 0)
    case _ where written.hasPrefix("random:"):
      guard let seed = UInt64(written.dropFirst(7)) else { return nil }
      self = .random(seed: seed)
    default: self = .file(written)
    }
  }

  var written: String {
    switch self {
    case .file(let path): path
    case .demo: "demo"
    case .random(let seed): "random:\(seed)"
    }
  }
}

/// The value of an option that a command cannot do without.
func required(_ value: String, _ name: String) throws(UsageError) -> String {
  guard !value.isEmpty else { throw UsageError("--\(name) is needed.") }
  return value
}

/// The images and folders that a command cannot do without.
func named(_ operands: [String]) throws(UsageError) -> [String] {
  guard !operands.isEmpty else { throw UsageError("Name at least one image or folder.") }
  return operands
}
