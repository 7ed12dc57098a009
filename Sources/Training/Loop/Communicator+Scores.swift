import Collectives
import FileIO
import Foundation
import Head
import Scoring

extension Communicator {
  /// The scores of the outputs of all ranks, in the order of ranks, on every rank. Collective.
  ///
  /// - Parameter pieceBytes: how much all ranks together send at once; the transport takes 2 GiB.
  /// - Throws: ``HeadError/noSamples`` on every rank where there are none.
  func scores(
    of outputs: [(label: Int, logits: [Double])], classes: Int, pieceBytes: Int = 1 << 30
  ) throws -> ClassifierScores {
    let all = try gathered(outputs, classes: classes, pieceBytes: pieceBytes)
    var encoded: [UInt8] = []
    if rank == 0 {
      let scores = ClassifierScores(
        logits: all.map(\.logits), labels: all.map(\.label), classes: classes)
      encoded = [UInt8](try JSONEncoder().encode(scores))
    }
    try broadcast(&encoded, from: 0)
    let scores = try JSONDecoder().decode(ClassifierScores?.self, from: Data(encoded))
    guard let scores else { throw HeadError.noSamples }
    return scores
  }

  /// The outputs of all ranks on rank 0, in the order of ranks, none on the others. Collective.
  func gathered(
    _ outputs: [(label: Int, logits: [Double])], classes: Int, pieceBytes: Int = 1 << 30
  ) throws(CollectiveError) -> [(label: Int, logits: [Double])] {
    let width = classes + 1
    let piece = max(1, pieceBytes / (width * 8 * worldSize))
    var pieces = [Int64((outputs.count + piece - 1) / piece)]
    try allreduce(&pieces, .maximum)
    var ofRanks = [[Double]](repeating: [], count: worldSize)
    for index in 0..<Int(pieces[0]) {
      let rows = outputs.dropFirst(index * piece).prefix(piece)
      let own = rows.flatMap { [Double($0.label)] + $0.logits }
      for (rank, bytes) in try gather(littleEndianBytes(of: own), to: 0).enumerated() {
        ofRanks[rank] += numbers(ofLittleEndianBytes: bytes[...])
      }
    }
    return ofRanks.flatMap { values in
      stride(from: 0, to: values.count, by: width).map {
        (Int(values[$0]), Array(values[$0 + 1..<$0 + width]))
      }
    }
  }
}
