import Head
import ImageCodecs
import ImageData
import ResNet

/// Answers with an image's features and, as attachment, a JPEG of the image as the network saw it,
/// beside the heat map of the class that the head predicts.
package struct HeatMapper: FeatureProducer {
  private let extractor: FeatureExtractor
  private let head: HeadParameters

  /// - Precondition: the head takes as many features as the extractor gives.
  package init(_ extractor: FeatureExtractor, head: HeadParameters) {
    precondition(extractor.backbone.featureCount == head.shape.features)
    (self.extractor, self.head) = (extractor, head)
  }

  package func makeWorker(sharing memory: MemoryBudget) throws -> FeatureWorker {
    let worker = try extractor.backbone.makeLastMapWorker()
    return { requests, beginning in
      try requests.map { request in
        beginning(request)
        return try answer(to: request, memory, worker)
      }
    }
  }

  private func answer(
    to request: FeatureRequest, _ memory: MemoryBudget, _ worker: LastMapWorker
  ) throws -> FeatureAnswer {
    let transform = extractor.transform
    let (bytes, digest) = try extractor.contents(of: request.sample)
    let image = try extractor.decoding(bytes, of: request.sample, memory, transform.resized)
    let map = try worker(transform.input(ofResized: image, for: extractor.backbone.precision))
    let label = predictedClass(ofLogits: head.logits(of: [map.features])[0])
    let heat = HeatMap(map, gradient: head.logitGradient(of: map.features, label: label))
    var answer = FeatureAnswer(
      request, features: map.features, digest: ImageDigest(digest),
      notes: ImageNotes(bytes, orientation: extractor.images.orientation))
    answer.attachment = try encodeJPEG(heat.beside(image), quality: 85)
    return answer
  }
}
