import FileIO
import Foundation
import Head
import ImageCodecs
import ImageData
import Reports
import Training

/// What `predict` prints and writes, on rank 0: a row an image, as the images come.
struct PredictionOutput {
  /// The images that could not be used.
  private(set) var bad = BadImages()
  /// Whether anybody reads what is printed.
  private(set) var isRead = true

  private let head: HeadParameters
  private let classes: ClassNames
  private let names: [String]
  private let table: PredictionTable?
  private let page: (file: TemporaryFile, page: PredictionPage)?

  /// Prints and writes what stands before the first row.
  init(_ model: TrainedModel, names: [String], json: Bool, page path: String?) throws {
    head = model.head
    classes = ClassNames(model.classes)
    self.names = names
    table = json ? nil : PredictionTable(names: names, classes: classes)
    page = try path.map {
      (
        try TemporaryFile(beside: $0),
        PredictionPage(count: names.count, backbone: model.backbone.name)
      )
    }
    do {
      try page?.file.append(Array(page?.page.head.utf8 ?? "".utf8))
      if let header = table?.header { try show(header) }
    } catch {
      discard()
      throw error
    }
  }

  /// Tells what has become of the image at `index`.
  mutating func add(_ index: Int, _ outcome: ImageOutcome) throws {
    switch outcome.features {
    case .success(let vector):
      let prediction = Prediction(
        image: names[index], classes: classes,
        probabilities: probabilities(ofLogits: head.logits(of: [vector])[0]))
      try show(table?.row(prediction) ?? prediction.json)
      try write { $0.card(prediction, jpeg: outcome.attachment) }
    case .failure(let error):
      bad.add(names[index], error)
      try show(
        table?.row(failed: names[index], error.reason)
          ?? failureJSON(image: names[index], error: error.description))
      try write { $0.card(failed: names[index], error.reason) }
    }
  }

  /// Writes the page.
  func finish() throws {
    try write(\.tail)
    try page?.file.replace()
  }

  /// Removes what there is of the page.
  func discard() { page?.file.discard() }

  private mutating func show(_ line: String) throws {
    if isRead { isRead = try printResult(line) }
  }

  private func write(_ piece: (PredictionPage) -> String) throws {
    guard let page else { return }
    try page.file.append(Array(piece(page.page).utf8))
  }
}

extension FeatureExtractor {
  /// An image as the network sees it, as JPEG without anything else that its file may say.
  func thumbnail(of sample: Sample) throws -> [UInt8] {
    try encodeJPEG(transform.resized(images.image(of: sample)), quality: 85)
  }
}
