import FileIO
import Foundation
import Head
import ImageCodecs
import ImageData
import ImageTransforms
import Launching
import MPICollectives
import ModelExport
import ResNet
import ResNetWeights
import Settings
import Tensors
import Training

/// Models that `export` wrote.
extension TrainedModel {
  init(exported tensors: TensorTable, _ settings: ModelSettings, _ path: String) throws {
    guard settings.weights == nil else {
      throw UsageError("--weights has no effect: \(path) holds its backbone.")
    }
    let facts = tensors.metadata
    let list = Data((facts["classes"] ?? "").utf8)
    guard let names = try? JSONDecoder().decode([String].self, from: list) else {
      throw Self.unusable(path, "its metadata `classes` is not a list of names")
    }
    guard let preset = Preset.allCases.first(where: { $0.resizing == facts["resize"] }) else {
      throw Self.unusable(path, "its metadata `resize` does not say how images are resized")
    }
    // Exports of earlier versions do not say it.
    guard
      let orientation = OrientationPolicy(
        rawValue: facts[OrientationPolicy.fact] ?? OrientationPolicy.ignore.rawValue)
    else {
      throw Self.unusable(
        path, "its metadata `\(OrientationPolicy.fact)` is neither ignore nor apply")
    }
    guard let geometry = Geometry(facts: facts) else {
      throw Self.unusable(
        path, "its metadata `image_size`, `resize_mode` or `crop_ratio` cannot be followed")
    }
    self.path = path
    self.orientation = orientation
    self.geometry = geometry
    head = try Self.head(tensors)
    classes = names
    self.preset = preset
    backbone = try Self.backbone(in: path, settings, inputSize: geometry.size)
    normalisation = backbone.normalisation
    try checkShapes(path)
  }

  /// Refuses a head that does not fit its backbone or its classes.
  func checkShapes(_ path: String) throws {
    guard
      head.shape.classes == classes.count,
      head.shape.features == backbone.backbone.featureCount
    else {
      throw Self.unusable(
        path,
        "its head takes \(head.shape.features) features to \(head.shape.classes) classes, but there "
          + "are \(backbone.backbone.featureCount) and \(classes.count)")
    }
  }

  static func unusable(_ path: String, _ reason: String) -> Failure {
    Failure(status: .badData, description: "\(path) cannot be used as a model: \(reason).")
  }

  private static func head(_ tensors: TensorTable) throws -> HeadParameters {
    do {
      return try HeadParameters { name throws(HeadError) in
        do throws(FileError) {
          return tensors.shape(of: name) == nil ? nil : try tensors.floats(name)
        } catch {
          throw .tensor(name: name, reason: error.reason)
        }
      }
    } catch {
      throw unusable(tensors.path, "\(error)")
    }
  }

  private static func backbone(
    in path: String, _ settings: ModelSettings, inputSize: Int
  ) throws -> LoadedBackbone {
    do {
      return try LoadedBackbone(
        .file(path), settings.machine, featureLayer: nil, inputSize: inputSize
      ) { loaded in
        guard settings.precision == .int8 else { return nil }
        guard let file = settings.calibration else { throw needsCalibration }
        return try Calibration(file: file, for: loaded)
      }
    } catch let error as FileError
      where error.entry == "conv1.weight" && error.kind == .entryMissing
    {
      throw unusable(
        path,
        "it holds the head alone; name the run's model.safetensors or an export of the whole model")
    }
  }
}
