internal import CBuildInfo
import Collectives
import Diagnosis
import FileIO
import Foundation
import Head
import ImageData
import Launching
import Reports
import Training

/// One examination of all hosts. Everything in it is collective: all ranks do it together, and what a
/// rank cannot do becomes a fact instead of an error.
struct Examination {
  private let command: DoctorCommand
  private var train: TrainCommand { command.train }
  private var configuration: TrainingConfiguration { train.configuration }

  init(_ command: DoctorCommand) { self.command = command }

  func run() throws {
    try withRanks(
      stallTimeout: .seconds(train.runSettings.stallTimeout),
      stallAdvice: "--stall-timeout sets a longer time."
    ) { communicator in
      let diagnosis = try compareBuilds(communicator) ?? examine(communicator)
      if let diagnosis {
        try printResult(command.json ? diagnosis.json : visible(diagnosis.text))
      }
      var status = [Int64(diagnosis?.status ?? 0)]
      try communicator.allreduce(&status, .maximum)
      guard let status = ExitStatus(rawValue: Int32(status[0])), status != .done else { return }
      throw Failure(
        status: status, description: "Training would end with status \(status.rawValue).",
        isOfAllRanks: true)
    }
  }

  /// On rank 0 what is wrong where other ranks have another build; nil elsewhere and where all have the
  /// same. Collective.
  private func compareBuilds(_ communicator: any Communicator) throws -> JobDiagnosis? {
    let build = BuildFacts.own
    let own = RankBuild(host: communicator.host, build: build)
    let all = try communicator.allgather([UInt8](JSONEncoder().encode(own)))
      .map { try JSONDecoder().decode(RankBuild.self, from: Data($0)) }
    let found = findings(of: all.map { ($0.host, $0.build) })
    guard !found.isEmpty else { return nil }
    let ranks = all.enumerated().map { RankFacts(rank: $0, host: $1.host) }
    return JobDiagnosis(
      JobFacts(ranks: ranks, build: build, work: .init()), findings: found)
  }

  private struct RankBuild: Codable {
    let host: String
    let build: BuildFacts
  }

  /// What is found, on rank 0; nil on the others.
  private func examine(_ communicator: any Communicator) throws -> JobDiagnosis? {
    let threads = try train.backbone.machine.threads(communicator)
    let isFirst = try communicator.indexOnHost().index == 0
    var own = RankFacts(communicator, isFirst: isFirst, threads: threads)

    let wish = PartWish(shares: configuration.parts.shares)
    let listed = try ListedImages(train.images, wish, communicator)
    if isFirst, let manifest = listed.manifest {
      own.images = try HostImageFacts(manifest, train.images, wish, communicator)
    }
    let backbone = load(into: &own)
    let shape = try headShape(backbone, listed.manifest, communicator)
    if isFirst {
      communicator.activity = "writing a file of a checkpoint's size"
      // The head and two moments of each of its numbers, and eight bytes for each image.
      let images = (listed.manifest?.train.count ?? 0) + (listed.manifest?.validation.count ?? 0)
      own.output = OutputFacts(
        probing: train.runSettings.output, train.runSettings.start,
        bytes: 12 * shape.parameterCount + 8 * images + 4096)
    }
    communicator.activity = "measuring the backbone"
    try communicator.barrier()
    if let backbone {
      own.speed = try SpeedFacts(
        backbone, train, listed.manifest, shape: shape, threads: threads, seconds: command.seconds)
    }
    return try measureNetwork(&own, shape, listed, communicator)
  }

  /// The backbone; nil where the weights cannot be used.
  private func load(into own: inout RankFacts) -> LoadedBackbone? {
    do {
      let size = configuration.geometry.size
      let backbone = try LoadedBackbone(train.backbone, inputSize: size) {
        try BackboneSpeed.calibration(train.backbone, size: size, for: $0)
      }
      own.weights.name = backbone.name
      own.weights.fingerprint = "\(backbone.fingerprint) \(backbone.record.featureLayer)"
      return backbone
    } catch {
      own.weights.trouble = Trouble(error)
      return nil
    }
  }

  /// The head that would be trained. Collective: a rank without weights learns the width of the
  /// features from the others.
  private func headShape(
    _ backbone: LoadedBackbone?, _ manifest: DatasetManifest?, _ communicator: any Communicator
  ) throws -> HeadShape {
    var width = [Int64(backbone?.backbone.featureCount ?? 0)]
    try communicator.allreduce(&width, .maximum)
    return try HeadShape(
      features: width[0] > 0 ? Int(width[0]) : 2048, hidden: configuration.hidden,
      classes: manifest?.classes.count ?? 2)
  }

  private func measureNetwork(
    _ own: inout RankFacts, _ shape: HeadShape, _ listed: ListedImages,
    _ communicator: any Communicator
  ) throws -> JobDiagnosis? {
    let names = try communicator.allgather(Array(communicator.host.utf8))
    let leaders = names.indices.filter { !names[..<$0].contains(names[$0]) }
    var links: [JobFacts.Link] = []
    var exchange: JobFacts.ExchangeFacts?
    if communicator.worldSize > 1 {
      if let pairs = communicator as? any PairExchange, leaders.count > 1 {
        let probe = LinkProbe(communicator: pairs, leaders: leaders)
        communicator.activity = "comparing clocks"
        own.clock = try probe.compareClocks()
        links = try probe.measureLinks(
          hosts: leaders.map { String(decoding: names[$0], as: UTF8.self) })
      }
      communicator.activity = "measuring the exchange"
      let batch = configuration.batchSize
      let images = (batch + communicator.worldSize - 1) / communicator.worldSize
      exchange = try JobFacts.ExchangeFacts(
        sums: ExactGradient(shape: shape, globalBatch: batch).values.count,
        features: 4 + images * 4 * (shape.features + 2), communicator)
    }
    let encoded = try JSONEncoder().encode(RankResult(facts: own, links: links))
    let all = try communicator.gather([UInt8](encoded), to: 0)
      .map { try JSONDecoder().decode(RankResult.self, from: Data($0)) }
    guard communicator.rank == 0 else { return nil }
    var work = JobFacts.Work()
    work.train = listed.manifest?.train.count ?? 0
    work.validation = listed.manifest?.validation.count ?? 0
    work.classes = shape.classes
    work.batch = configuration.batchSize
    work.features = shape.features
    work.parameters = shape.parameterCount
    work.gathersFeatures =
      train.runSettings.exchange.resolved(configuration, shape: shape, globalBatch: work.batch)
      == .features
    var facts = JobFacts(ranks: all.map(\.facts), build: .own, work: work)
    facts.links = all.flatMap(\.links)
    facts.exchange = exchange
    facts.listing = listed.trouble
    facts.compared = listed.manifest?.comparedSamples().map(\.path) ?? []
    return JobDiagnosis(facts)
  }

  private struct RankResult: Codable {
    let facts: RankFacts
    let links: [JobFacts.Link]
  }
}

extension BuildFacts {
  /// This program's.
  static var own: BuildFacts {
    BuildFacts(
      version: toolVersion, digits: buildDigits, commit: String(cString: avp_build_commit()))
  }
}
