import Foundation
import Settings
import Training

/// `doctor`: what would hurt a long run, looked for on all of its hosts before it starts.
struct DoctorCommand: Command {
  static let name = "doctor"
  static let summary = "look on every host for what would hurt a long run, and estimate its time"
  static let discussion = """
    Put `doctor` in the place of `train` on the line of a long run, with its mpirun or launch. Every \
    rank looks at its host: program, MPI, processors, memory, limits, clock, images, weights and the \
    run's folder. Then they measure the backbone, the network between each two hosts and the exchange \
    of a step. Prints a table of the hosts, what is wrong with what to do about it, and how long an \
    epoch would take. Ends with status 0 where training can start, else with the one that training \
    would end with. Writes nothing that stays.
    """
  static let isForRanks = true
  static let example = "avp-dist launch -n 4 --hostfile hosts -- doctor --data data"
  static let settings: [Setting<Self>] =
    part(\.train) + [
      Setting(
        "seconds", \.seconds, "S", in: .from(0.1, to: 3600), "how long the backbone is measured",
        group: "Measurement"),
      Setting("json", \.json, "the result as one JSON object, for `avp-dist plan`", group: "Run"),
    ]

  /// The run that is planned.
  var train = TrainCommand()
  var seconds = 1.0
  var json = false

  mutating func settle(given: Set<String>) throws(UsageError) {
    try train.settle(given: given)
  }

  func run() throws { try Examination(self).run() }
}
