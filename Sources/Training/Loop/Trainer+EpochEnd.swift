import Head

/// The end of an epoch.
extension Trainer {
  /// Validates, and closes the epoch's books.
  mutating func finishEpoch() throws {
    // Those of the validation images: steps have told of the others.
    try shareDigests()
    // The loss and the accuracy of an epoch's images are those before its last step.
    let position = position
    for index in state.heads.indices where state.heads[index].pending != nil {
      if state.bundle.members.count == 1 {
        try state.heads[index].endEpoch(at: position)
      } else {
        state.heads[index].mayDiverge(at: position) { head throws in
          try head.endEpoch(at: position)
        }
      }
    }
    try checkFirstHead()
    for (number, member) in state.bundle.members.enumerated() where member.fold == nil {
      try validate(number, member.configuration)
    }
    state.closeEpoch()
    state.isAtRest = try areAllAtRest()
    let times = meter.lap(host: communicator.host, threads: options.threads)
    if let metrics = state.history.last {
      observer.note(
        .epoch(
          metrics, seconds: times.seconds, imagesPerSecond: Double(summed) / times.seconds,
          isBest: state.bestEpoch == metrics.epoch))
    }
    summed = 0
    try tellTimes(times)
    try tellTally()
    if try isCheckpointDue() { try rescue.save(try gathered(), isFinalAttempt: false) }
  }

  /// Tells what each rank did in the epoch that has just ended, and who keeps the others waiting.
  /// Collective; rank 0 alone hears of all.
  private mutating func tellTimes(_ own: RankTimes) throws {
    guard communicator.worldSize > 1 else { return }
    let all = try communicator.gather(own.bytes, to: 0)
      .map { try RankTimes(bytes: $0) }
    guard own.seconds >= StragglerWatch.shortest, !all.isEmpty else { return }
    observer.note(.ranks(epoch: state.epoch, all))
    if let warning = stragglers.warning(all) { observer.note(.warning(warning)) }
  }

  /// Whether the epoch that has just ended is saved: always, but in runs of many quick epochs or of
  /// many heads only every half minute, by rank 0's clock, and at the end. Collective.
  private mutating func isCheckpointDue() throws -> Bool {
    let isLast = state.isOver || plan.steps(inEpoch: state.epoch) == 0
    let isQuick = state.bundle.members[0].configuration.optimizer.takesWholeEpochs
    guard !isLast, isQuick || state.bundle.isSweep else { return true }
    var isDue: [UInt8] = [saved.duration(to: .now) > .seconds(30) ? 1 : 0]
    try communicator.broadcast(&isDue, from: 0)
    if isDue == [1] { saved = .now }
    return isDue == [1]
  }

  /// Adds the epoch's metrics to those of a head, which one rank has. Collective.
  private mutating func validate(_ number: Int, _ configuration: TrainingConfiguration) throws {
    let index = state.heads.firstIndex { $0.number == number }
    guard let head = try sharedHead(number, configuration) else { return }
    let result: (metrics: Metrics, macroF1: Double?)
    do {
      result = try validation.evaluate(head, withClasses: configuration.monitor == .macroF1)
    } catch HeadError.notFinite where state.bundle.isSweep {
      // The sums, and so this, are the same on all ranks.
      if let index { state.heads[index].standStill(since: position.step) }
      return
    }
    guard let index else { return }
    let own = state.heads[index]
    let last = own.history.last
    // A head at rest has not looked at the epoch's images again.
    let training = try own.running.metricsUnlessEmpty()
    state.heads[index].history.append(
      EpochMetrics(
        epoch: state.epoch + 1, trainLoss: training?.loss ?? last?.trainLoss ?? 0,
        trainAccuracy: training?.accuracy ?? last?.trainAccuracy ?? 0,
        validationLoss: result.metrics.loss, validationAccuracy: result.metrics.accuracy,
        validationMacroF1: result.macroF1,
        skipped: state.skipped.union(validation.skipped).sorted))
  }
}
