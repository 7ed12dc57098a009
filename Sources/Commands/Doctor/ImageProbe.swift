import Collectives
import Diagnosis
import FileIO
import Foundation
import ImageData
import Launching
import Training

/// The images of the job: rank 0's list, or why there is none.
struct ListedImages: Codable {
  var manifest: DatasetManifest?
  var trouble: Trouble?

  /// Lists them on rank 0. Collective.
  init(
    _ images: ImageSetSettings, _ wish: PartWish, _ communicator: any Communicator
  ) throws {
    if communicator.rank == 0 {
      do {
        manifest = try images.scan(wish, reportingTo: communicator)
      } catch {
        trouble = Trouble(error)
      }
    }
    var bytes = [UInt8](try JSONEncoder().encode(self))
    try communicator.broadcast(&bytes, from: 0)
    self = try JSONDecoder().decode(Self.self, from: Data(bytes))
  }
}

extension Trouble {
  /// An error, with the status that it would end training with.
  init(_ error: any Error) {
    self.init(status: ExitStatus(of: error).rawValue, text: reason(of: error))
  }
}

extension HostImageFacts {
  /// The most files that are named.
  private static let namedCount = 3

  /// Looks on this host for the images of rank 0's list, and reads those whose contents are compared.
  init(
    _ manifest: DatasetManifest, _ images: ImageSetSettings, _ wish: PartWish,
    _ communicator: any Communicator
  ) throws {
    self.init()
    do {
      let own =
        communicator.rank == 0 ? manifest : try images.scan(wish, reportingTo: communicator)
      count = own.train.count + own.validation.count
    } catch {
      trouble = Trouble(error)
    }
    for sample in manifest.train + manifest.validation {
      communicator.activity = "looking for \(sample.path)"
      try communicator.reportActivity()
      for file in DatasetManifest.unreadable(samples: CollectionOfOne(sample), root: images.root) {
        unusableCount += 1
        if unusable.count < Self.namedCount { unusable.append("\(file)") }
      }
    }
    let source = ImageSource(root: images.root)
    digests = try manifest.comparedSamples().map { sample in
      communicator.activity = "comparing \(sample.path)"
      try communicator.reportActivity()
      guard let bytes = try? source.bytes(of: sample) else { return 0 }
      return ImageDigest(SHA256.Digest(of: bytes)).bits
    }
  }
}
