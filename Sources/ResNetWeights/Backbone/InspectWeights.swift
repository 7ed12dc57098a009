import FileIO
import TensorFormats
import Tensors

/// What `weights inspect` tells about a weight file.
package struct WeightReport: Sendable, CustomStringConvertible {
  /// One line of the table of tensors.
  package struct Row: Sendable, Equatable {
    /// The tensor's name, torchvision's where the file's own could be translated.
    package let name: String
    /// How its elements are stored.
    package let type: ElementType?
    /// Its shape, outermost dimension first.
    package let shape: [Int]
  }

  /// The file.
  package let path: String
  /// The file's format.
  package let format: String
  /// The network: "resnet50", "wide_resnet101_2", ...; nil if it is none that is known.
  package let layout: BackboneLayout?
  /// Stride, epsilon and pooling, and how they are known.
  package let conventions: WeightConventions
  package let conventionsOrigin: FactOrigin
  /// What pixels must be, and how that is known.
  package let pixels: Normalisation
  package let pixelsOrigin: FactOrigin
  /// What the file says about itself.
  package let metadata: [String: String]
  /// All tensors, sorted by name.
  package let tensors: [Row]
  /// What is missing, extra, misshapen or not finite; empty if the file can be used.
  package let problems: [String]
  /// The fingerprint of the weights if the file can be used.
  package let fingerprint: String?

  /// The report as text: facts, the table of tensors, what is wrong.
  package var description: String {
    var lines = ["file            \(path)", "format          \(format)"]
    if let layout {
      lines.append("network         \(layout.architecture)")
      lines.append("stages          \(stages(layout))")
      lines.append("features        \(layout.featureCount) after layer\(layout.blocks.count)")
    }
    lines.append("element types   \(elementTypes)")
    lines.append("conventions     \(conventionText)")
    lines.append("                (\(conventionsOrigin.rawValue))")
    lines.append("preprocessing   \(pixels.sentence)")
    lines.append("                (\(pixelsOrigin.rawValue))")
    for key in sortedByBytes(metadata.keys) {
      lines.append("metadata        \(quoted(key)): \(quoted(metadata[key] ?? ""))")
    }
    if let fingerprint { lines.append("fingerprint     \(fingerprint)") }
    lines.append("")
    lines += table
    lines.append("")
    lines += problems.isEmpty ? ["Nothing is missing."] : ["Cannot be used:"] + problems
    return lines.joined(separator: "\n")
  }

  private var conventionText: String {
    let pool =
      switch conventions.maxPool {
      case .padded: "padded"
      case .ceiling: "not padded, the last window may hang over"
      case .unpadded: "not padded"
      }
    return "stride 2 on the \(conventions.stridePosition.rawValue) convolution, batch-norm epsilon "
      + "\(plain(conventions.batchNormEpsilon)), pooling \(pool)"
  }

  private var elementTypes: String {
    var counts: [String: Int] = [:]
    for row in tensors { counts[row.type?.rawValue ?? "?", default: 0] += 1 }
    return counts.sorted { $0.key < $1.key }.map { "\($0.key) x \($0.value)" }.joined(
      separator: ", ")
  }

  private var table: [String] {
    // Names in a file can be of any length; a longer one makes only its own line longer.
    let names = tensors.map { cleaned($0.name) }
    let width = min(60, names.map(\.count).max() ?? 0)
    return zip(tensors, names).map { row, text in
      let name = text + String(repeating: " ", count: max(0, width - text.count))
      let shape = row.shape.map(String.init).joined(separator: " x ")
      return "\(name)  \(row.type?.rawValue ?? "?")  \(shape)"
    }
  }

  private func stages(_ layout: BackboneLayout) -> String {
    zip(layout.stageNames, layout.blocks).map { "\($0) (\($1) blocks)" }.joined(separator: ", ")
  }
}

/// Looks into a weight file of any format and reports what it is and what is wrong with it.
///
/// - Throws: a ``FileError`` only if the file cannot be opened as a weight file at all; an
///   incomplete one gives a report with its problems.
package func inspectWeights(_ path: String) throws(FileError) -> WeightReport {
  let opened = try OpenedWeights(path: path)
  var layout: BackboneLayout?
  var problems: [String] = []
  var fingerprint: String?
  do throws(FileError) {
    let check = try BackboneCheck(opened.tensors)
    layout = check.layout
    problems = check.problems.map(\.reason)
    if problems.isEmpty { fingerprint = try BackboneWeights(opened).fingerprint }
  } catch {
    problems.append(error.reason)
  }
  return WeightReport(
    path: path, format: opened.format, layout: layout, conventions: opened.conventions,
    conventionsOrigin: opened.conventionsOrigin, pixels: opened.pixels,
    pixelsOrigin: opened.pixelsOrigin, metadata: opened.tensors.metadata,
    tensors: opened.tensors.names.map { name in
      WeightReport.Row(
        name: name, type: opened.tensors.elementType(of: name),
        shape: opened.tensors.shape(of: name) ?? [])
    },
    problems: problems, fingerprint: fingerprint)
}

/// Reads the weight file `source` of any format and writes it to `target` as safetensors: F32,
/// torchvision's names, and everything that is known about the network in the metadata.
///
/// - Returns: what was read, as one line for people.
/// - Throws: a ``FileError`` if `source` cannot be used or `target` cannot be written.
@discardableResult
package func convertWeights(
  from source: String, to target: String
) throws(FileError) -> String {
  let weights = try loadBackboneWeights(source)
  var writer = SafeTensorsWriter(metadata: weights.metadata)
  for name in weights.names { writer.add(name, try weights.floats(name)) }
  for name in weights.head.names { writer.add(name, try weights.head.floats(name)) }
  try writer.write(to: target)
  return "\(source): \(weights.layout.architecture) from \(weights.format), "
    + "written to \(target) as safetensors"
}
