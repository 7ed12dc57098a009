import FileIO
import Foundation
import ImageData

/// What models say about images that they were not trained on, as a table by RFC 4180: the columns
/// `image`, `label`, `fold`, and one for each class with its probability.
package struct OutOfSampleFile: Sendable {
  /// Its name in the folder of a run.
  package static let name = "out-of-sample.csv"

  private static let columns = ["image", "label", "fold"]
  /// The largest file that is read: 4 GiB.
  package static let byteLimit = 4 << 30
  private static let classLimit = 100_000
  /// How far from 1 the sum of rounded probabilities may be.
  private static let tolerance = 0.01

  /// The class names, in the order of the columns.
  package let classes: [String]
  /// The image of each row, as the run calls it.
  package private(set) var images: [String] = []
  /// The class index of each row's label.
  package private(set) var labels: [Int] = []
  /// The probabilities of each row, one a class.
  package private(set) var probabilities: [[Double]] = []
}

// MARK: - Writing

extension OutOfSampleFile {
  /// What stands before the first record.
  package static func head(classes: [String]) -> String { csvRecord(columns + classes) }

  /// The record of an image.
  ///
  /// - Parameters:
  ///   - label: the name of its class.
  ///   - fold: the fold that it was held out in.
  ///   - probabilities: one a class.
  package static func record(
    image: String, label: String, fold: Int, probabilities: [Double]
  ) -> String {
    csvRecord([image, label, "\(fold)"] + probabilities.map { "\($0)" })
  }
}

// MARK: - Reading

extension OutOfSampleFile {
  /// Reads a file's bytes.
  ///
  /// - Parameter path: what messages call it.
  /// - Throws: ``DatasetError`` where it is no such table, with the line.
  package init(_ bytes: [UInt8], path: String) throws(DatasetError) {
    do throws(DelimitedReader.Failure) {
      try self.init(bytes)
    } catch {
      throw DatasetError(.invalid, "\(path), line \(error.line): \(error.reason)")
    }
    guard Set(labels).count > 1 else {
      throw DatasetError(
        .invalid,
        labels.isEmpty
          ? "\(path) has no images"
          : "all images of \(path) have the label \(quoted(classes[labels[0]])); which labels are "
            + "wrong is seen from images of two classes at least")
    }
  }

  private init(_ bytes: [UInt8]) throws(DelimitedReader.Failure) {
    let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
    var reader = DelimitedReader(
      text, delimiter: UInt8(ascii: ","), fieldsLimit: Self.columns.count + Self.classLimit)
    guard let head = try reader.next() else {
      throw DelimitedReader.Failure(line: 1, reason: "the file is empty")
    }
    classes = try Self.classes(head, line: reader.line)
    let indices = Dictionary(zip(classes, classes.indices)) { first, _ in first }
    var lines: [[UInt8]: Int] = [:]
    while let fields = try reader.next() {
      func failure(_ reason: String) -> DelimitedReader.Failure {
        DelimitedReader.Failure(line: reader.line, reason: reason)
      }
      guard fields.count == Self.columns.count + classes.count else {
        throw failure("\(fields.count) fields, where the first line has \(classes.count + 3)")
      }
      guard let label = indices[fields[1]] else {
        throw failure("the label \(quoted(fields[1])) is no class of the first line")
      }
      guard !fields[0].isEmpty else { throw failure("an image without a name") }
      if let other = lines.updateValue(reader.line, forKey: Array(fields[0].utf8)) {
        throw failure("the image \(quoted(fields[0])) stands in line \(other) already")
      }
      images.append(fields[0])
      labels.append(label)
      probabilities.append(try Self.probabilities(fields.dropFirst(3), classes, reader.line))
    }
  }

  private static func classes(
    _ fields: [String], line: Int
  ) throws(DelimitedReader.Failure) -> [String] {
    guard fields.starts(with: columns) else {
      throw DelimitedReader.Failure(
        line: line,
        reason: "the columns must be image, label, fold and one for each class, as in the "
          + "\(name) of a run with --folds; they begin with "
          + fields.prefix(3).map(quoted).joined(separator: ", "))
    }
    let classes = Array(fields.dropFirst(columns.count))
    guard classes.count > 1 else {
      throw DelimitedReader.Failure(
        line: line, reason: "\(classes.count) columns of classes; two are the least")
    }
    guard Set(classes).count == classes.count else {
      throw DelimitedReader.Failure(line: line, reason: "two columns of classes have one name")
    }
    return classes
  }

  private static func probabilities(
    _ fields: ArraySlice<String>, _ classes: [String], _ line: Int
  ) throws(DelimitedReader.Failure) -> [Double] {
    var values: [Double] = []
    for (field, name) in zip(fields, classes) {
      guard let value = Double(field), value >= 0, value <= 1 else {
        throw DelimitedReader.Failure(
          line: line,
          reason: "\(quoted(field)) is no probability (of the class \(quoted(name)))")
      }
      values.append(value)
    }
    let sum = values.reduce(0, +)
    guard abs(sum - 1) <= tolerance else {
      throw DelimitedReader.Failure(
        line: line, reason: String(format: "the probabilities add up to %.4f, not 1", sum))
    }
    return values
  }
}
