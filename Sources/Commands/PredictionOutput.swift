import FileIO
import Foundation
import Head
import ImageCodecs
import ImageData
import Reports
import Settings
import Training

/// What `predict` prints and writes, on rank 0: a row an image, as the images come.
struct PredictionOutput {
  /// The images that could not be used.
  private(set) var bad = BadImages()
  /// Whether anybody reads what is printed.
  private(set) var isRead = true

  private let head: HeadParameters
  private let temperature: Double
  private let classes: ClassNames
  private let names: [String]
  private let table: PredictionTable?
  private let top: Int?
  private let page: (file: TemporaryFile, content: PredictionPage)?
  private let records: (file: TemporaryFile, content: PredictionFile)?

  /// Prints and writes what stands before the first row.
  ///
  /// - Parameter temperature: what logits are divided by.
  init(
    _ model: TrainedModel, temperature: Double, names: [String], json: Bool, top: Int?,
    page path: String?, heatMap: Bool, records file: OutputFile?
  ) throws {
    head = model.head
    self.temperature = temperature
    classes = ClassNames(model.classes)
    self.names = names
    self.top = top
    table = json ? nil : PredictionTable(names: names, classes: classes, top: top)
    page = try path.map {
      (
        try TemporaryFile(beside: $0),
        PredictionPage(
          count: names.count, backbone: model.backbone.name, hasHeatMaps: heatMap)
      )
    }
    do {
      records = try file.map { [classes] in
        (
          try TemporaryFile(beside: $0.path),
          PredictionFile($0.format, classes: classes, top: top)
        )
      }
    } catch {
      page?.file.discard()
      throw error
    }
    do {
      try write(page: \.head, record: \.head)
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
        probabilities: probabilities(
          ofLogits: head.logits(of: [vector])[0].map { $0 / temperature }))
      try show(table?.row(prediction) ?? prediction.json(top: top))
      try write {
        $0.card(prediction, jpeg: outcome.attachment)
      } record: {
        $0.record(prediction)
      }
    case .failure(let error):
      bad.add(names[index], error)
      try show(
        table?.row(failed: names[index], error.reason)
          ?? failureJSON(image: names[index], error: error.description))
      try write {
        $0.card(failed: names[index], error.reason)
      } record: {
        $0.record(failed: names[index], error.description)
      }
    }
  }

  /// Puts the files where they belong.
  func finish() throws {
    try write(page: \.tail, record: { _ in "" })
    try page?.file.replace()
    try records?.file.replace()
  }

  /// Removes what there is of the files.
  func discard() {
    page?.file.discard()
    records?.file.discard()
  }

  private mutating func show(_ line: String) throws {
    if isRead { isRead = try printResult(line) }
  }

  private func write(
    page piece: (PredictionPage) -> String, record: (PredictionFile) -> String
  ) throws {
    if let page { try page.file.append(Array(piece(page.content).utf8)) }
    if let records { try records.file.append(Array(record(records.content).utf8)) }
  }
}

/// A file of predictions, whose name says its format.
struct OutputFile: SettingValue {
  let path: String
  let format: PredictionFile.Format

  init?(written: String) {
    guard
      let format = PredictionFile.Format.allCases.first(where: {
        written.lowercased().hasSuffix(".\($0.rawValue)")
      })
    else { return nil }
    (path, self.format) = (written, format)
  }

  var written: String { path }
}

extension FeatureExtractor {
  /// An image as the network sees it, as JPEG without anything else that its file may say.
  func thumbnail(of sample: Sample) throws -> [UInt8] {
    try encodeJPEG(transform.resized(images.image(of: sample)), quality: 85)
  }
}
