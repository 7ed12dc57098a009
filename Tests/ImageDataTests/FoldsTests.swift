import Testing

@testable import ImageData

struct FoldsTests {
  private func manifest(_ counts: [Int], groups: Int? = nil) -> DatasetManifest {
    var samples: [Sample] = []
    for (label, count) in counts.enumerated() {
      for index in 0..<count {
        samples.append(
          Sample(
            path: "\(label)/\(index)", label: label, bytes: 1,
            group: groups.map { "\(label) \(index % $0)" }))
      }
    }
    return DatasetManifest(
      classes: counts.indices.map { "\($0)" }, train: samples, validation: [])
  }

  @Test(arguments: [2, 3, 5, 10]) func eachClassIsSpreadEvenly(count: Int) throws {
    let manifest = manifest([57, 10, 103])
    let folds = try manifest.folds(count, seed: 4)
    #expect(Set(folds) == Set(0..<count))
    for label in 0..<3 {
      let sizes = (0..<count).map { fold in
        folds.indices.count { folds[$0] == fold && manifest.train[$0].label == label }
      }
      #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
    }
    let sizes = (0..<count).map { fold in folds.count { $0 == fold } }
    #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
    #expect(try manifest.folds(count, seed: 4) == folds)
    #expect(try manifest.folds(count, seed: 5) != folds)
  }

  @Test func groupsStayTogether() throws {
    let manifest = manifest([60, 60], groups: 12)
    let folds = try manifest.folds(4, seed: 1)
    var foldOfGroup: [String: Int] = [:]
    for (sample, fold) in zip(manifest.train, folds) {
      let group = try #require(sample.group)
      #expect(foldOfGroup[group] ?? fold == fold)
      foldOfGroup[group] = fold
    }
    for fold in 0..<4 { #expect(folds.count { $0 == fold } == 30) }
  }

  @Test func aClassWithTooFewImagesIsRefused() {
    #expect(throws: DatasetError.self) { try manifest([9, 3]).folds(4, seed: 0) }
    #expect(throws: DatasetError.self) { try manifest([40, 40], groups: 3).folds(4, seed: 0) }
  }
}
