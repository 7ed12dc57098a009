import Foundation
import Testing

@testable import ImageData

/// Parts that are drawn from the training images.
struct PartSharesTests {
  private func set(_ files: Int, classes: Int = 3) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for label in 0..<classes {
      for number in 0..<files { try folder.add("c\(label)/\(number).jpg", [1]) }
    }
    return folder
  }

  private func wish(_ validation: Double, _ test: Double = 0, seed: UInt64 = 0) -> PartWish {
    PartWish(shares: PartShares(validation: validation, test: test, seed: seed))
  }

  /// The numbers of another implementation, `hashlib` of Python: models of years ago have these parts.
  @Test func theNumberFollowsFromSeedAndPath() {
    func part(_ path: String, _ group: String?, seed: UInt64, below share: Double) -> Part {
      PartShares(validation: share, seed: seed).part(path: path, group: group)
    }
    for (path, group, seed, number) in [
      ("c0/1.jpg", nil, 0, 0.8420441214286031), ("c0/1.jpg", nil, 7, 0.1955222784600713),
      ("c0/1.jpg", "patient 3", 0, 0.9256004755373521),
      ("other.jpg", "patient 3", 0, 0.9256004755373521),
    ] as [(String, String?, UInt64, Double)] {
      #expect(part(path, group, seed: seed, below: number) == .train)
      #expect(part(path, group, seed: seed, below: number.nextUp) == .validation)
    }
  }

  @Test func sharesHoldInEachClassAndNothingIsLost() throws {
    let folder = try set(400)
    let all = try DatasetManifest.scan(root: folder.path, PartWish(needed: []))
    let drawn = try DatasetManifest.scan(root: folder.path, wish(0.2, 0.1))
    let parts = [drawn.train, drawn.validation, drawn.test]
    #expect(parts.flatMap { $0 }.count == 1200)
    #expect(
      DatasetManifest.inOrder(parts.flatMap { $0 }.sorted { bytesPrecede($0.path, $1.path) })
        == all.train)
    for part in parts { #expect(part.map(\.label) == part.map(\.label).sorted()) }
    // Three standard deviations.
    for (count, share) in zip(
      drawn.counts(.validation) + drawn.counts(.test), [0.2, 0.2, 0.2, 0.1, 0.1, 0.1])
    {
      #expect(abs(Double(count) - 400 * share) < 3 * (400 * share * (1 - share)).squareRoot())
    }
    #expect(try DatasetManifest.scan(root: folder.path, wish(0.2, 0.1)) == drawn)
    #expect(try DatasetManifest.scan(root: folder.path, wish(0.2, 0.1, seed: 1)) != drawn)
  }

  @Test func anImageStaysWhereItIs() throws {
    let folder = try set(60)
    let before = try DatasetManifest.scan(root: folder.path, wish(0.2, 0.1))
    for number in 0..<200 { try folder.add("c1/new\(number).jpg", [1]) }
    for number in 0..<9 { try folder.add("c9/\(number).jpg", [1]) }
    try folder.remove("c0/7.jpg")
    let after = try DatasetManifest.scan(root: folder.path, wish(0.2, 0.1))
    for part in Part.allCases {
      let kept = after[part].map(\.path).filter { !$0.contains("new") && !$0.hasPrefix("c9") }
      #expect(kept == before[part].map(\.path).filter { $0 != "c0/7.jpg" })
    }
    // Another share of validation images leaves those of the test alone.
    let other = try DatasetManifest.scan(root: folder.path, wish(0.4, 0.1))
    #expect(other.test == after.test)
    #expect(Set(other.validation.map(\.path)).isSuperset(of: after.validation.map(\.path)))
  }

  @Test func sharesComeFromTheTrainingImagesOfASetWithParts() throws {
    let folder = try set(30)
    for part in ["train", "test"] {
      for label in 0..<3 {
        for number in 0..<30 { try folder.add("set/\(part)/c\(label)/\(number).jpg", [1]) }
      }
    }
    let root = folder.path + "/set"
    let drawn = try DatasetManifest.scan(root: root, wish(0.3))
    #expect(drawn.validation.allSatisfy { $0.path.hasPrefix("train/") } && drawn.test.isEmpty)
    #expect(drawn.leftOut.kinds == ["folders that are not used": 1])
    let own = try DatasetManifest.scan(root: root, PartWish(needed: [.test]))
    #expect(own.test.count == 90 && own.train.count == 90 && own.validation.isEmpty)
    let error = #expect(throws: DatasetError.self) {
      try DatasetManifest.scan(root: root, wish(0.3, 0.1))
    }
    #expect(
      error?.description.contains("has test images of its own; leave out --test-split") == true)
    // A model's shares count where the set does not have the part.
    let shares = PartShares(validation: 0.3, test: 0.1)
    let fallback = try DatasetManifest.scan(
      root: root, PartWish(needed: [.test], shares: shares, isFallback: true))
    #expect(fallback.test == own.test && fallback.validation == drawn.validation)
  }

  @Test func whatCannotBeLearntIsSaid() throws {
    let folder = try set(3)
    func reason(_ wish: PartWish) -> String {
      do {
        _ = try DatasetManifest.scan(root: folder.path, wish)
        return ""
      } catch { return error.description }
    }
    #expect(reason(PartWish()).contains("--validation-split 0.2 draws"))
    #expect(reason(wish(0.98)).contains("no training images are left of the class 'c"))
    #expect(reason(wish(1e-6)).contains("--validation-split 1e-06 leaves no validation images of"))
    #expect(reason(PartWish(needed: [.test])).contains("has no test images; --test-split 0.2"))
    // These are no classes.
    try folder.addFolder("val")
    #expect(reason(wish(0.2)).contains("there is no folder \(folder.path)/train"))
  }

  @Test func unequalClassesAndThoseThatAPartLacksAreRemarked() {
    func samples(_ counts: [Int]) -> [Sample] {
      counts.enumerated().flatMap { label, count in
        (0..<count).map { Sample(path: "\(label)/\($0)", label: label, bytes: 1) }
      }
    }
    func remarks(_ train: [Int], _ validation: [Int]) -> [String] {
      DatasetManifest(
        classes: ["a", "b", "c"], train: samples(train), validation: samples(validation)
      ).remarks
    }
    #expect(remarks([20, 2, 10], [1, 1, 1]) == [])
    #expect(
      remarks([21, 2, 10], [1, 1, 1]) == [
        "the class 'a' has 21 training images and 'b' 2; above 10 to 1 small classes are hardly learnt"
      ])
    #expect(remarks([2, 2, 2], [0, 1, 0]) == ["no validation images of 'a', 'c'"])
  }
}
