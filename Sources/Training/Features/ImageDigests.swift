import Collectives
import FileIO
import ImageData

/// What tells one content of an image's file from another: the first 8 bytes of its SHA-256.
package struct ImageDigest: Equatable, Sendable, CustomStringConvertible {
  /// The 8 bytes, the first one highest.
  package let bits: Int64

  /// What a file with this SHA-256 is told by.
  package init(_ digest: SHA256.Digest) {
    bits = digest.bytes.prefix(8).reduce(0) { $0 << 8 | Int64($1) }
  }

  init(bits: Int64) { self.bits = bits }

  /// The first 16 digits of what `sha256sum` prints.
  package var description: String {
    padded(UInt64(bitPattern: bits), digits: 16, radix: 16)
  }
}

/// The contents of a run's images as far as they have been read, so that a file that is replaced
/// during a run, before it is resumed, or that differs between hosts is noticed when it is read
/// again.
package struct ImageDigests: Equatable, Sendable {
  /// One image's content; `index` counts training images, then validation images.
  struct Entry: Equatable, Sendable {
    let index: Int
    let digest: ImageDigest
  }

  /// A number for each image, 0 for one that has not been read.
  private(set) var values: [Int64]
  private var missing: Int

  /// Nothing is known of `count` images.
  init(count: Int = 0) { self.init(values: Array(repeating: 0, count: count)) }

  /// What a checkpoint knows.
  init(values: [Int64]) {
    self.values = values
    missing = values.count { $0 == 0 }
  }

  /// Whether all images have been read.
  var isComplete: Bool { missing == 0 }

  /// The known content of one image, nil where it has not been read.
  subscript(index: Int) -> ImageDigest? {
    guard values.indices.contains(index), values[index] != 0 else { return nil }
    return ImageDigest(bits: values[index])
  }

  /// Adds what every rank has read for the first time. Collective; moves 16 bytes an image, once.
  mutating func share(
    _ fresh: [Entry], _ communicator: any Communicator
  ) throws(CollectiveError) {
    let numbers = fresh.flatMap { [Int64($0.index), $0.digest.bits] }
    for numbers in try communicator.allgather(numbers: numbers) {
      for pair in stride(from: 0, to: numbers.count - 1, by: 2)
      where values.indices.contains(Int(numbers[pair])) {
        if values[Int(numbers[pair])] == 0 && numbers[pair + 1] != 0 { missing -= 1 }
        values[Int(numbers[pair])] = numbers[pair + 1]
      }
    }
  }
}

extension ImageDigests {
  /// What equal files among the images of a run spoil: a sentence each, with an example.
  func copies(in manifest: DatasetManifest) -> [String] {
    let samples = manifest.train + manifest.validation
    var first: [Int64: Int] = [:]
    var (across, mislabelled): ([(Int, Int)], [(Int, Int)]) = ([], [])
    for (index, value) in values.enumerated() where value != 0 && index < samples.count {
      guard let other = first[value] else {
        first[value] = index
        continue
      }
      let count = manifest.train.count
      if (index < count) != (other < count) { across.append((index, other)) }
      if samples[index].label != samples[other].label { mislabelled.append((index, other)) }
    }
    func sentence(_ pairs: [(Int, Int)], _ words: String) -> String? {
      pairs.first.map {
        "\(words): \(pairs.count), as \(samples[$0.0].path) = \(samples[$0.1].path)"
      }
    }
    return [
      sentence(
        across, "the accuracy says too much, for validation images that are training images, too"),
      sentence(mislabelled, "images that are in another class, too, of which one is wrong"),
    ].compactMap { $0 }
  }
}
