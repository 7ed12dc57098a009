import Collectives
import FileIO
import Foundation
import ImageData
import Launching
import Settings
import Training

/// The images that a command line names: files as they are, folders with all images in them.
struct ImageList: Codable {
  /// The images by absolute paths without the first slash, with the names to show: as given, or
  /// below the folders given.
  private var images: [Image] = []

  private struct Image: Codable {
    let name: String
    let sample: Sample
  }

  /// The folder that the requests' paths are relative to.
  static let root = "/"

  /// Lists the images of `operands` in the order given, those of a folder sorted by bytes, and then
  /// those of a table, whose labels do not matter. Rank 0 looks for them. Collective.
  ///
  /// A file that is not there is listed too: it is told when its turn comes.
  init(
    _ operands: [String], table: String? = nil, _ communicator: any Communicator
  ) throws {
    var bytes: [UInt8] = []
    if communicator.rank == 0 {
      var leftOut = LeftOut()
      for operand in try operands.flatMap({ try $0 == "-" ? standardInput(communicator) : [$0] }) {
        let (names, others) = try Self.images(at: operand, communicator)
        images += names.map {
          let path = String(absolutePath($0.path).dropFirst())
          return Image(name: $0.path, sample: Sample(path: path, label: 0, bytes: $0.bytes))
        }
        leftOut.add(others)
      }
      if let table { images += try Self.images(of: table) }
      if leftOut.count > 0 { printError("\(leftOut)") }
      if communicator.worldSize > 1 { bytes = [UInt8](try JSONEncoder().encode(self)) }
    }
    try communicator.broadcast(&bytes, from: 0)
    if communicator.rank > 0 {
      self = try JSONDecoder().decode(ImageList.self, from: Data(bytes))
    }
  }

  /// The names to show.
  var names: [String] { images.map(\.name) }

  /// What the extractor is asked for.
  var requests: [FeatureRequest] {
    images.enumerated().map { FeatureRequest(sample: $1.sample, index: $0, view: nil) }
  }

  private static func images(of table: String) throws -> [Image] {
    let root = folder(absolutePath(table))
    return try ManifestFile(path: table).rows.map { row in
      let path = Sample(path: row.path, label: 0, bytes: 0).file(in: root)
      var facts = stat()
      let bytes = stat(path, &facts) == 0 ? Int(facts.st_size) : 0
      return Image(
        name: row.path,
        sample: Sample(
          path: String(path.dropFirst()), label: 0, bytes: bytes, digest: row.digest))
    }
  }

  private static func images(
    at operand: String, _ communicator: any Communicator
  ) throws -> ([Sample], LeftOut) {
    var facts = stat()
    let isThere = stat(operand, &facts) == 0
    guard isThere, facts.st_mode & S_IFMT == S_IFDIR else {
      let sample = Sample(path: operand, label: 0, bytes: isThere ? Int(facts.st_size) : 0)
      return ([sample], LeftOut())
    }
    let found = try FolderImages.scan(operand, whileScanning: communicator.noteListing)
    guard !found.samples.isEmpty else {
      let others = found.leftOut.count > 0 ? " (\(found.leftOut))" : ""
      throw Failure(
        status: .missingInput,
        description: "The folder \(operand) holds no images that can be read\(others).")
    }
    return (found.samples, found.leftOut)
  }
}

/// The images that could not be used, of a command that goes on without them.
struct BadImages {
  private static let shown = 10
  private var lines: [String] = []
  private var count = 0
  private var status: ExitStatus?

  /// Takes one; the first decides the exit status.
  mutating func add(_ name: String, _ error: DatasetError) {
    count += 1
    if status == nil { status = ExitStatus(of: error) }
    if lines.count < Self.shown { lines.append("  \(name): \(error.reason)") }
  }

  /// Ends every rank alike where rank 0, whose list counts, has any. Collective.
  func check(
    of total: Int, remedy: String = "", _ communicator: any Communicator
  ) throws {
    let more = count > lines.count ? ["  and \(count - lines.count) more"] : []
    let text =
      (["\(count) of \(total) images cannot be used:\(remedy)"] + lines + more)
      .joined(separator: "\n")
    var bytes = status.map { [UInt8($0.rawValue)] + Array(text.utf8) } ?? []
    try communicator.broadcast(&bytes, from: 0)
    guard let code = bytes.first, let status = ExitStatus(rawValue: Int32(code)) else { return }
    throw Failure(
      status: status, description: String(decoding: bytes.dropFirst(), as: UTF8.self),
      isOfAllRanks: true)
  }
}

extension Communicator {
  /// Tells the ranks that wait for a list of files how far it is.
  func noteListing(_ path: String) {
    activity = "listing \(path)"
    // What goes wrong here meets the exchange that follows, too.
    try? reportActivity()
  }
}

/// `path` from the root on, and otherwise as it is: what stands before a `..` may be a link, so that
/// only the system knows where that leads.
func absolutePath(_ path: String) -> String {
  path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
}

/// `path` as the system sees it behind all links, as far as it is there.
func realPath(_ path: String) -> String {
  var head = absolutePath(path)
  var tail: [String] = []
  while head != "/" {
    if let real = realpath(head, nil) {
      defer { free(real) }
      return ([String(cString: real)] + tail).joined(separator: "/")
    }
    while head.hasSuffix("/") && head != "/" { head.removeLast() }
    let slash = head.lastIndex(of: "/") ?? head.startIndex
    tail.insert(String(head[head.index(after: slash)...]), at: 0)
    head = slash == head.startIndex ? "/" : String(head[..<slash])
  }
  return "/" + tail.joined(separator: "/")
}
