import FileIO

extension HDF5Object {
  /// A name in a group and the address of the object that it stands for.
  package struct Link {
    package let name: String
    package let address: Int
  }

  /// What is in this group; empty if it is no group. What is read for that is taken from `budget`.
  package func links(_ budget: inout HDF5Budget) throws(FileError) -> [Link] {
    if var reader = try message(Message.symbolTable) {
      let tree = try reader.size(8)
      let heap = try LocalHeap(at: try reader.size(8), of: self, &budget)
      return try symbols(tree: tree, heap: heap, &budget)
    }
    if var reader = try message(Message.linkInfo) {
      try refuseDense(&reader, flagSize: 8, what: "group")
    }
    var links: [Link] = []
    for var reader in try messages(Message.link) {
      if let link = try compactLink(&reader) { links.append(link) }
    }
    return links
  }

  /// New-style groups and objects with very many links or attributes keep them in a heap of another
  /// kind.
  package func refuseDense(
    _ reader: inout ByteReader, flagSize: Int, what: String
  ) throws(FileError) {
    try reader.skip(1)
    if try reader.byte() & 1 != 0 { try reader.skip(flagSize) }
    if try reader.number(UInt64.self) != .max {
      throw FileError(
        .unsupported, source.path,
        "the HDF5 \(what) \(quoted(name)) is stored densely (h5py's libver=\"latest\"), which is not "
          + "read; save the file with the default settings")
    }
  }

  private func compactLink(_ reader: inout ByteReader) throws(FileError) -> Link? {
    guard try reader.byte() == 1 else { throw damaged("a link has an unknown version") }
    let flags = try reader.byte()
    let kind = flags & 8 != 0 ? try reader.byte() : 0
    if flags & 4 != 0 { try reader.skip(8) }
    if flags & 16 != 0 { try reader.skip(1) }
    let name = try reader.text(try reader.size(1 << Int(flags & 3)))
    // Soft and external links lead to other names and files; weights are never behind one.
    return kind == 0 ? Link(name: try checked(name), address: try reader.size(8)) : nil
  }

  private func checked(_ name: String) throws(FileError) -> String {
    guard !name.isEmpty, name != ".", !name.contains("/"), name.utf8.count <= HDF5File.pathLimit
    else {
      throw damaged("the name \(quoted(name)) is not allowed")
    }
    return name
  }

  /// The links of an old-style group: the leaves of a B-tree.
  private func symbols(
    tree: Int, heap: LocalHeap, _ budget: inout HDF5Budget
  ) throws(FileError) -> [Link] {
    var links: [Link] = []
    var waiting = [tree]
    var seen: Set<Int> = []
    while let address = waiting.popLast() {
      guard seen.insert(address).inserted, links.count + waiting.count <= HDF5File.objectLimit
      else { throw damaged("its tree of names has a cycle") }
      if try source.has("TREE".utf8, at: address) {
        waiting += try children(ofNode: address, &budget)
      } else {
        links += try leaf(at: address, heap, &budget)
      }
    }
    return links
  }

  private func children(
    ofNode address: Int, _ budget: inout HDF5Budget
  ) throws(FileError) -> [Int] {
    var head = try reader(at: address, count: 24)
    try head.skip(4)
    guard try head.byte() == 0 else { throw damaged("its tree of names is of another kind") }
    try head.skip(1)
    let count = Int(try head.number(UInt16.self))
    try budget.spend(16 * count, in: source.path)
    var body = try reader(at: address + 24, count: 8 + 16 * count)
    var children: [Int] = []
    for _ in 0..<count {
      try body.skip(8)
      children.append(try body.size(8))
    }
    return children
  }

  private func leaf(
    at address: Int, _ heap: LocalHeap, _ budget: inout HDF5Budget
  ) throws(FileError) -> [Link] {
    guard try source.has("SNOD".utf8, at: address) else {
      throw damaged("its tree of names leads nowhere")
    }
    var head = try reader(at: address, count: 8)
    try head.skip(6)
    let count = Int(try head.number(UInt16.self))
    try budget.spend(40 * count, in: source.path)
    var body = try reader(at: address + 8, count: 40 * count)
    var links: [Link] = []
    for _ in 0..<count {
      let offset = try body.size(8)
      // A soft link has no object; it is told by its cache type.
      let address = try body.number(UInt64.self)
      let cacheType = try body.number(UInt32.self)
      try body.skip(20)
      if cacheType == 2 { continue }
      let name = try heap.name(at: offset, of: self)
      guard let address = Int(exactly: address) else { throw damaged("a link leads nowhere") }
      links.append(Link(name: try checked(name), address: address))
    }
    return links
  }

  private func reader(at address: Int, count: Int) throws(FileError) -> ByteReader {
    ByteReader(
      try source.bytes(at: address, count: count), path: source.path,
      what: "HDF5 group \(quoted(name))")
  }
}

/// The names of an old-style group.
private struct LocalHeap {
  private let bytes: [UInt8]

  init(
    at address: Int, of group: HDF5Object, _ budget: inout HDF5Budget
  ) throws(FileError) {
    guard try group.source.has("HEAP".utf8, at: address) else {
      throw group.damaged("its heap of names is missing")
    }
    var head = ByteReader(
      try group.source.bytes(at: address, count: 32), path: group.source.path,
      what: "HDF5 group \(quoted(group.name))")
    try head.skip(8)
    let size = try head.size(8)
    try head.skip(8)
    try budget.spend(size, in: group.source.path)
    bytes = try group.source.bytes(at: try head.size(8), count: size)
  }

  func name(at offset: Int, of group: HDF5Object) throws(FileError) -> String {
    guard offset < bytes.count,
      let end = bytes[offset...].prefix(HDF5File.pathLimit + 1).firstIndex(of: 0),
      let name = String(validating: bytes[offset..<end], as: UTF8.self)
    else { throw group.damaged("a name is damaged") }
    return name
  }
}
