import Collectives
import FileIO
import ImageData

extension DatasetManifest {
  /// The images that ranks compare before the first step: the whole set where it has at most
  /// `count` files and `bytes` bytes, else as much of it, drawn at random and from all class folders
  /// in turn. A function of the list alone, so the same on every host.
  package func comparedSamples(count: Int = 1024, bytes: Int = 128 << 20) -> [Sample] {
    let samples = train + validation
    let sampler = Sampler(count: samples.count, globalBatch: 1, seed: hash)
    var drawn = [Int](repeating: 0, count: 2 * classes.count)
    let turns = sampler.order(epoch: 0).map { index in
      let folder = samples[index].label + (index < train.count ? 0 : classes.count)
      defer { drawn[folder] += 1 }
      return (turn: drawn[folder], folder: folder, index: index)
    }
    var room = bytes
    return turns.sorted { ($0.turn, $0.folder) < ($1.turn, $1.folder) }.prefix(count)
      .map { samples[$0.index] }
      .filter { sample in
        guard sample.bytes <= room else { return false }
        room -= sample.bytes
        return true
      }
  }

  /// Has every rank read the same images and compares what their files hold, so that a wrong copy
  /// of the set on one host is found before the first step. Collective.
  ///
  /// - Parameter root: where the set is on this rank's host.
  /// - Throws: ``TrainingError/contentsDiffer`` on every rank; ``DatasetError`` where a file cannot
  ///   be read.
  package func compareContents(root: String, _ communicator: any Communicator) throws {
    guard communicator.worldSize > 1 else { return }
    let samples = comparedSamples()
    let source = ImageSource(root: root)
    let own = try samples.map { sample in
      communicator.activity = "comparing \(sample.path)"
      try communicator.reportActivity()
      return ImageDigest(SHA256.Digest(of: try source.bytes(of: sample))).bits
    }
    communicator.activity = "before the first step"
    let all = try communicator.allgather(numbers: own)
    let differing = samples.indices.filter { index in all.contains { $0[index] != all[0][index] } }
    guard let index = differing.first,
      let other = all.firstIndex(where: { $0[index] != all[0][index] })
    else { return }
    let hosts = try communicator.allgather(Array(communicator.host.utf8))
    func holder(_ rank: Int) -> String {
      "\(ImageDigest(bits: all[rank][index])) on rank \(rank) (host "
        + "\(String(decoding: hosts[rank], as: UTF8.self)))"
    }
    throw TrainingError.contentsDiffer(
      path: samples[index].path, [holder(0), holder(other)], count: differing.count,
      compared: samples.count)
  }
}
