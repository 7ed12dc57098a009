/// Why a run cannot go on, besides what images, files and ranks can do.
package enum TrainingError: Error, Equatable, CustomStringConvertible {
  /// The parameters left the range of numbers.
  case diverged(epoch: Int, step: Int)
  /// An image's file is not the one that the run has read before.
  case otherContent(path: String, host: String, here: ImageDigest, before: ImageDigest)
  /// Ranks hold different files under the same names: one such file with what its SHA-256 begins
  /// with on two ranks, and how many of the compared ones differ.
  case contentsDiffer(path: String, [String], count: Int, compared: Int)

  package var description: String {
    switch self {
    case .diverged(let epoch, let step):
      "The head, or the optimizer's memory, is not finite any more after step \(step) of epoch "
        + "\(epoch). Earlier checkpoints are intact."
    case .otherContent(let path, let host, let here, let before):
      "On host \(host) the image \(path) has other content than when this run read it before: its "
        + "SHA-256 begins with \(here), not \(before). It was replaced, or hosts hold different files "
        + "under the same name; `sha256sum` on each host tells. Bring the former file back, or start a "
        + "new run; where hosts differ, what this run has written so far may be of both contents."
    case .contentsDiffer(let path, let holders, let count, let compared):
      "Hosts hold different images under the same names: of \(compared) that were compared, "
        + "\(count) \(count == 1 ? "differs" : "differ"). The SHA-256 of \(path) begins with "
        + holders.joined(separator: ", with ")
        + ". Bring the same set to every host, for example with `rsync -ac`."
    }
  }
}
