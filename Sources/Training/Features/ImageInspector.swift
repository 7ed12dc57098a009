import FileIO
import Foundation
import ImageCodecs
import ImageData

/// What decoding an image's file once tells about it.
package struct ImageFacts: Codable, Equatable, Sendable {
  /// The name of its format, by its content.
  package var format: String
  package var width: Int
  package var height: Int
  /// The SHA-256 of the file, in hexadecimal digits.
  package var digest: String
  /// Whether the name's extension is that of another format.
  package var isMisnamed = false
  package var notes = ImageNotes()

  package init(format: String, width: Int, height: Int, digest: String) {
    (self.format, self.width, self.height, self.digest) = (format, width, height, digest)
  }

  /// The facts that an answer of ``ImageInspector`` carries.
  package init(attachment: [UInt8]) throws {
    self = try JSONDecoder().decode(ImageFacts.self, from: Data(attachment))
  }
}

/// Decodes images for the sake of finding out what is wrong with them; an answer's attachment holds
/// the facts, its features are those of the backbone, or none without one.
package struct ImageInspector: FeatureProducer {
  private let images: ImageSource
  private let extractor: FeatureExtractor?

  package init(_ images: ImageSource, extractor: FeatureExtractor? = nil) {
    self.images = images
    self.extractor = extractor
  }

  package func makeWorker(sharing memory: MemoryBudget) throws -> FeatureWorker {
    let features = try extractor?.makeWorker(sharing: memory)
    return { requests, beginning in
      let vectors = try features?(requests, beginning).map(\.features)
      return try requests.enumerated().map { index, request in
        beginning(request)
        var answer = try answer(to: request, memory, decodes: vectors == nil)
        if let vector = vectors?[index] { answer.features = vector }
        return answer
      }
    }
  }

  private func answer(
    to request: FeatureRequest, _ memory: MemoryBudget, decodes: Bool
  ) throws -> FeatureAnswer {
    let bytes = try images.bytes(of: request.sample)
    let digest = SHA256.Digest(of: bytes)
    try images.check(digest, of: request.sample)
    let format = ImageFormat(bytes)
    var facts = try images.naming(request.sample) { () throws(ImageError) in
      let file = try ImageFile(bytes, orientation: images.orientation)
      if decodes {
        _ = try memory.holding(file.decodingBytes) { () throws(ImageError) in try file.decode() }
      }
      return ImageFacts(
        format: format.name ?? "", width: file.width, height: file.height,
        digest: digest.hexadecimal)
    }
    facts.isMisnamed = ImageFormat(ofName: request.sample.path).map { $0 != format } ?? false
    facts.notes = ImageNotes(bytes, orientation: images.orientation)
    var answer = FeatureAnswer(
      request, features: [], digest: ImageDigest(digest), notes: facts.notes)
    answer.attachment = [UInt8](try JSONEncoder().encode(facts))
    return answer
  }
}
