internal import Foundation
internal import Kernels
internal import WeightFiles

/// A folder that keeps packed weights between runs, and shares them between the processes of a host.
public struct PackedCache: Hashable, Sendable {
  /// The folder; it is made when it is needed.
  public let folder: String
  /// The SHA-256 of the weight file, in hexadecimal digits: the same weights have the same packed form.
  public let fingerprint: String

  /// Names the folder and the weights.
  public init(folder: String, fingerprint: String) {
    self.folder = folder
    self.fingerprint = fingerprint
  }

  /// The file of one variant of the weights.
  ///
  /// Everything that the packed form depends on is a part of its name.
  func path(_ request: PackedRequest) -> String {
    let name = [
      String(fingerprint.prefix(32)), request.featureLayer?.rawValue ?? "deepest",
      request.conventions.stridePlace.rawValue, request.conventions.pooling.rawValue,
      "\(request.conventions.batchNormEpsilon)", request.kernels.rawValue,
      "v\(PackedFile.version)",
    ].joined(separator: "-")
    return "\(folder)/\(name).packed"
  }
}

/// What is asked for: which variant of the weights.
struct PackedRequest: Hashable, Codable, Sendable {
  var fingerprint: String
  var conventions: BackboneConventions
  var featureLayer: FeatureLayer?
  var kernels: KernelPath
}

/// What a packed file says about itself.
private struct PackedDescription: Codable {
  let request: PackedRequest
  let architecture: BackboneArchitecture

  /// The same bytes for the same description.
  func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return Array(try encoder.encode(self))
  }
}

/// A network and its packed weights.
struct LoadedBackbone {
  let architecture: BackboneArchitecture
  let packed: PackedBackbone
  let weights: PackedWeights
}

extension PackedCache {
  /// The network that `request` asks for, from the cache, or else packed from `source` and put there.
  ///
  /// Processes that ask at the same time wait for the one that packs, and then share its work.
  ///
  /// - Throws: a `PackedFileError` if the cache cannot be used, and what packing throws.
  func load(
    _ request: PackedRequest, source: () throws -> any TensorSource
  ) throws -> LoadedBackbone {
    let path = path(request)
    if let found = find(path, request) { return found }
    try makeFolder(folder)
    return try withFileLock(path + ".lock") {
      if let found = find(path, request) { return found }
      let source = try source()
      let architecture = try BackboneArchitecture(
        of: source, conventions: request.conventions, featureLayer: request.featureLayer)
      let packed = PackedBackbone(architecture, path: request.kernels)
      let description = PackedDescription(request: request, architecture: architecture)
      try PackedWeights.write(
        to: path, description: description.encoded(), packed.layout
      ) { store in
        try packed.storeAll(of: architecture, from: source, store)
      }
      guard let made = find(path, request) else {
        throw PackedFileError(path, "the file was written but cannot be read back")
      }
      return made
    }
  }

  /// The network in the file `path`, if the file is sound and is what `request` asks for.
  private func find(_ path: String, _ request: PackedRequest) -> LoadedBackbone? {
    var found: (BackboneArchitecture, PackedBackbone)?
    let weights = PackedWeights(file: path) { bytes in
      guard
        let description = try? JSONDecoder().decode(PackedDescription.self, from: Data(bytes)),
        description.request == request, description.architecture.isSound
      else { return nil }
      let packed = PackedBackbone(description.architecture, path: request.kernels)
      found = (description.architecture, packed)
      return packed.layout
    }
    guard let weights, let found else { return nil }
    return LoadedBackbone(architecture: found.0, packed: found.1, weights: weights)
  }
}

extension BackboneArchitecture {
  /// Whether the stages are there, which ``featureLayer`` relies on.
  fileprivate var isSound: Bool {
    (1...FeatureLayer.allCases.count).contains(stages.count) && stages.allSatisfy { !$0.isEmpty }
  }
}
