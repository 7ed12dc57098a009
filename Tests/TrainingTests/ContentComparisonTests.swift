import Foundation
import ImageData
import Testing

@testable import Training

/// What ranks compare before the first step.
@Suite struct ContentComparisonTests {
  private let scratch: ScratchFolder

  init() throws { scratch = try ScratchFolder() }

  /// A list of images in the given numbers a class, with sizes drawn from `seed`.
  private func manifest(_ counts: [Int], seed: Int = 1) -> DatasetManifest {
    func samples(_ part: String, _ counts: [Int]) -> [Sample] {
      counts.enumerated().flatMap { label, count in
        (0..<count).map { number in
          Sample(
            path: "\(part)/\(label)/\(number).jpg", label: label,
            bytes: 1 + (number * 7919 + seed * 104_729) % 50)
        }
      }
    }
    return DatasetManifest(
      classes: counts.indices.map { "\($0)" }, train: samples("train", counts),
      validation: samples("validation", counts.map { $0 / 3 }))
  }

  @Test func aSmallSetIsComparedAsAWhole() {
    let list = manifest([9, 30, 4])
    #expect(
      Set(list.comparedSamples().map(\.path)) == Set((list.train + list.validation).map(\.path)))
  }

  @Test(arguments: 0..<20) func aLargeSetIsComparedFromAllFoldersAlike(seed: Int) {
    let list = manifest([100 + seed, 40, 200], seed: seed)
    let drawn = list.comparedSamples(count: 60)
    #expect(drawn == list.comparedSamples(count: 60))
    #expect(drawn.count == 60 && Set(drawn.map(\.path)).count == 60)
    let folders = Dictionary(grouping: drawn) { $0.path.split(separator: "/").dropLast() }
    #expect(folders.count == 6 && folders.values.allSatisfy { $0.count == 10 })
    // Not always the same ones.
    #expect(
      drawn.map(\.path) != manifest([101 + seed, 40, 200]).comparedSamples(count: 60).map(\.path))
  }

  @Test(arguments: 0..<20) func theComparedBytesAreLimited(seed: Int) {
    let list = manifest([50, 60], seed: seed)
    let drawn = list.comparedSamples(bytes: 300)
    let sum = drawn.reduce(0) { $0 + $1.bytes }
    #expect((251...300).contains(sum))
    // A large file does not keep out those that fit.
    #expect(list.comparedSamples(bytes: 1).allSatisfy { $0.bytes == 1 })
  }

  /// Writes the files of a list, all of the same content but those of `other`.
  private func write(_ list: DatasetManifest, _ name: String, other: Set<String> = []) throws
    -> String
  {
    let root = "\(scratch.path)/\(name)"
    for sample in list.train + list.validation {
      let file = URL(fileURLWithPath: "\(root)/\(sample.path)")
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      let byte: UInt8 = other.contains(sample.path) ? 1 : 0
      try Data(repeating: byte, count: sample.bytes).write(to: file)
    }
    return root
  }

  /// The errors of ranks that find the set in `roots`.
  private func errors(_ list: DatasetManifest, _ roots: [String]) -> [any Error] {
    onEveryRank(of: ThreadWorld(worldSize: roots.count)) { communicator in
      try list.compareContents(root: roots[communicator.rank], communicator)
    }.compactMap { if case .failure(let error) = $0 { error } else { nil } }
  }

  @Test func everyDifferenceIsNamedOnEveryRank() throws {
    let list = manifest([4, 6])
    let own = try write(list, "own")
    #expect(errors(list, [own, own, own]).isEmpty)
    for sample in list.train + list.validation {
      let other = try write(list, "other", other: [sample.path])
      for roots in [[own, other], [other, own, own], [own, own, other]] {
        let found = errors(list, roots).compactMap { $0 as? TrainingError }
        #expect(found.count == roots.count)
        let text = try #require(found.first).description
        #expect(text.contains("of 13 that were compared, 1 differs."), "\(text)")
        #expect(text.contains("The SHA-256 of \(sample.path) begins with "))
        #expect(text.contains(" on rank 0 (host thread), with "))
        #expect(text.contains(" on rank \(roots[1] == roots[0] ? 2 : 1) (host thread)"))
      }
    }
  }

  @Test func aFileThatIsGoneMeanwhileIsNamed() throws {
    let list = manifest([2, 2])
    let root = try write(list, "own")
    try FileManager.default.removeItem(atPath: root + "/train/1/0.jpg")
    let found = errors(list, [root, root])
    #expect(found.contains { ($0 as? DatasetError)?.description.contains("train/1/0.jpg") == true })
  }
}
