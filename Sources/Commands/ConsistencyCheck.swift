import Collectives
import FileIO
import Foundation
import ImageData
import Launching
import Reports
import Training

/// What all ranks must have in common before the first step, so that a forgotten update or a wrong
/// folder on one host is a message and not a wrong result.
struct ConsistencyCheck {
  private let facts: [String: String]
  private let kernels: String
  private let manifest: DatasetManifest
  private let data: String

  /// - Parameter options: the options that must be the same besides the settings of `record`.
  init(
    record: ModelRecord, options: [String: String], manifest: DatasetManifest, data: String
  ) {
    let fixed = [
      "avp-dist": "\(toolVersion), build \(buildIdentity)",
      // Hosts may have the same weights under different names.
      "weights": "of fingerprint \(record.backbone.fingerprint.prefix(12))…, "
        + record.backbone.featureLayer,
      "precision": record.backbone.precisionText,
    ]
    let settings = TrainingConfiguration.settings.map {
      ($0.facts.name, $0.written(record.configuration))
    }
    let sweep = record.sweep.flatMap { try? JSONEncoder.sorted.encode($0) }
    facts = fixed.merging(settings) { $1 }.merging(options) { $1 }
      .merging(sweep.map { ["sweep": "of digest \(sha256([UInt8]($0)).prefix(12))…"] } ?? [:]) {
        $1
      }
    kernels = record.backbone.kernels
    self.manifest = manifest
    self.data = data
  }

  /// Compares the facts of all ranks with rank 0's, and has every host look for all files. What differs
  /// goes to rank 0; where nothing does, nothing has to.
  ///
  /// - Throws: on rank 0 a failure that names the host and the thing; the other ranks then wait for
  ///   the end of the run.
  func check(_ communicator: any Communicator) throws {
    var own = facts
    own["kernels"] = kernels
    own["unseen"] = try unseenSamples(communicator)
    let areEqual = try communicator.areEqual([UInt8](JSONEncoder.sorted.encode(own)))
    if areEqual, own["unseen"] == "" { return }
    own["host"] = communicator.host
    let all = try communicator.gather([UInt8](JSONEncoder.sorted.encode(own)), to: 0).map {
      try JSONDecoder().decode([String: String].self, from: Data($0))
    }
    if communicator.rank == 0 {
      let differences = all.enumerated().flatMap { rank, other in
        self.differences(rank, other, all[0])
      }
      guard differences.isEmpty else {
        throw Failure(
          status: all.contains { $0["unseen"] != "" } ? .missingInput : .configuration,
          description: all.count == 1
            ? "The images cannot be used: \(own["unseen"] ?? "")"
            : "The ranks do not agree:\n" + differences.joined(separator: "\n"))
      }
      warnAboutKernels(all)
    }
    // Nobody goes on before rank 0 has looked.
    try communicator.barrier()
  }

  private func differences(
    _ rank: Int, _ other: [String: String], _ first: [String: String]
  ) -> [String] {
    let rankName = "rank \(rank) (host \(other["host"] ?? "?"))"
    var lines = facts.keys.sorted().compactMap { name -> String? in
      guard other[name] != first[name] else { return nil }
      return
        "  \(rankName) has \(name) \(other[name] ?? "none"), rank 0 has \(first[name] ?? "none")"
    }
    if let unseen = other["unseen"], !unseen.isEmpty {
      lines.append("  \(rankName) cannot use its share of the images: \(unseen)")
    }
    return lines
  }

  /// What is wrong with the first file of this rank's share that is not as rank 0 saw it. The ranks
  /// of each host divide all files among them, so that every host is known to have all.
  private func unseenSamples(_ communicator: any Communicator) throws -> String {
    let samples = manifest.train + manifest.validation
    let (index, count) = try communicator.indexOnHost()
    var unseen: [DatasetManifest.UnreadableSample] = []
    for sample in samples[Sampler.share(of: samples.count, rank: index, worldSize: count)] {
      communicator.activity = "looking for \(sample.path)"
      try communicator.reportActivity()
      unseen += DatasetManifest.unreadable(samples: CollectionOfOne(sample), root: data)
    }
    communicator.activity = "before the first step"
    guard let first = unseen.first else { return "" }
    return unseen.count == 1 ? "\(first)" : "\(first), and \(unseen.count - 1) more"
  }

  private func warnAboutKernels(_ all: [[String: String]]) {
    let kernels = Set(all.compactMap { $0["kernels"] }).sorted()
    guard kernels.count > 1 else { return }
    printError(
      "warning: the hosts use different kernels (\(kernels.joined(separator: ", "))), so the result "
        + "may differ in its last bits from that of another set of hosts; AVP_KERNELS, with mpirun "
        + "-x AVP_KERNELS, sets one for all"
    )
  }
}

extension Communicator {
  /// Whether all ranks have the same bytes, by their checksums. Collective.
  func areEqual(_ bytes: [UInt8]) throws(CollectiveError) -> Bool {
    let digest: [Int64] = numbers(ofLittleEndianBytes: SHA256.Digest(of: bytes).bytes[...])
    var extremes = digest + digest.map { ~$0 }
    try allreduce(&extremes, .maximum)
    return extremes[..<digest.count].elementsEqual(extremes[digest.count...].map { ~$0 })
  }
}
