internal import CHDF5
import FileIO
internal import Synchronization
import Tensors

/// Writes groups, datasets and text attributes to a new HDF5 file, through the HDF5 library.
///
/// The library is not thread-safe as distributions build it, so only ``write(to:_:)`` makes
/// writers, one at a time.
package struct HDF5Writer: ~Copyable {
  private let file: OpenFile
  private let path: String

  /// The library's handle of the file, closed also where writing fails.
  private struct OpenFile: ~Copyable {
    let id: hid_t

    init(_ id: hid_t) { self.id = id }

    deinit { H5Fclose(id) }

    /// Closes the file; false where not all of it could be written.
    consuming func close() -> Bool {
      let id = id
      discard self
      return H5Fclose(id) >= 0
    }
  }

  /// The library's state is global, and so must be what protects it.
  private static let library = Mutex(())

  /// Creates the file `path`, which must exist and is emptied, and lets `body` fill it.
  ///
  /// Errors name `target`, the path that a person knows.
  package static func write(
    to path: String, for target: String,
    _ body: (borrowing HDF5Writer) throws(FileError) -> Void
  ) throws(FileError) {
    let result = library.withLock { _ -> Result<Void, FileError> in
      do throws(FileError) {
        let writer = try HDF5Writer(path, target)
        try body(writer)
        return .success(try writer.finish())
      } catch {
        return .failure(error)
      }
    }
    try result.get()
  }

  private init(_ path: String, _ target: String) throws(FileError) {
    self.path = target
    H5open()
    // Errors are thrown; the library would print them too.
    H5Eset_auto2(avp_hdf5_error_default(), nil, nil)
    let standard = avp_hdf5_default()
    let id = H5Fcreate(path, avp_hdf5_truncate(), standard, standard)
    guard id >= 0 else {
      throw FileError(.cannotCreate, target, "the HDF5 library cannot create the file")
    }
    file = OpenFile(id)
  }

  private consuming func finish() throws(FileError) {
    // Most of the data reaches the disk here, so this is where a full disk shows.
    let path = path
    if !file.close() {
      throw FileError(.writeFailed, path, "the HDF5 library failed at closing")
    }
  }

  /// Makes the group `name` and gives its attributes: lists of texts, each at most 64 KiB in all.
  package func group(
    _ name: String, attributes: [(String, [String])] = []
  ) throws(FileError) {
    let standard = avp_hdf5_default()
    let group = H5Gcreate2(file.id, name, standard, standard, standard)
    guard group >= 0 else { throw failed("the group \(quoted(name))") }
    defer { H5Gclose(group) }
    for (attribute, texts) in attributes { try list(attribute, texts, of: group) }
  }

  /// Gives the root a text attribute of any length.
  package func text(_ name: String, _ text: String) throws(FileError) {
    let type = H5Tcopy(avp_hdf5_string())
    let space = H5Screate(H5S_SCALAR)
    defer {
      H5Tclose(type)
      H5Sclose(space)
    }
    H5Tset_size(type, avp_hdf5_variable())
    H5Tset_cset(type, H5T_CSET_UTF8)
    let status = text.withCString { characters in
      withUnsafePointer(to: characters) { attribute(name, type, space, of: file.id, $0) }
    }
    if status < 0 { throw failed("the attribute \(quoted(name))") }
  }

  /// Writes a dataset of F32; the groups in its path must exist.
  package func dataset(_ name: String, _ tensor: Tensor<Float>) throws(FileError) {
    let extents = tensor.shape.map { hsize_t($0) }
    let space = H5Screate_simple(Int32(extents.count), extents, nil)
    let creation = H5Pcreate(avp_hdf5_dataset_creation())
    let standard = avp_hdf5_default()
    // The time of writing would make every file differ.
    H5Pset_obj_track_times(creation, false)
    let dataset = H5Dcreate2(
      file.id, name, avp_hdf5_float32(), space, standard, creation, standard)
    defer {
      H5Dclose(dataset)
      H5Pclose(creation)
      H5Sclose(space)
    }
    let all = avp_hdf5_all()
    guard dataset >= 0,
      H5Dwrite(dataset, avp_hdf5_native_float(), all, all, standard, tensor.values) >= 0
    else { throw failed("the dataset \(quoted(name))") }
  }

  /// An attribute that is a list of texts of one length, as h5py writes lists of bytes.
  private func list(
    _ name: String, _ texts: [String], of object: hid_t
  ) throws(FileError) {
    let size = max(1, texts.map(\.utf8.count).max() ?? 1)
    let type = H5Tcopy(avp_hdf5_string())
    let space = H5Screate_simple(1, [hsize_t(texts.count)], nil)
    defer {
      H5Tclose(type)
      H5Sclose(space)
    }
    H5Tset_size(type, size)
    H5Tset_strpad(type, H5T_STR_NULLPAD)
    var bytes: [UInt8] = []
    for text in texts {
      bytes += text.utf8
      bytes += repeatElement(0, count: size - text.utf8.count)
    }
    if bytes.isEmpty { bytes = [0] }
    if attribute(name, type, space, of: object, bytes) < 0 {
      throw failed("the attribute \(quoted(name))")
    }
  }

  private func attribute(
    _ name: String, _ type: hid_t, _ space: hid_t, of object: hid_t, _ value: UnsafeRawPointer
  ) -> herr_t {
    let standard = avp_hdf5_default()
    let attribute = H5Acreate2(object, name, type, space, standard, standard)
    guard attribute >= 0 else { return -1 }
    defer { H5Aclose(attribute) }
    return H5Awrite(attribute, type, value)
  }

  private func failed(_ what: String) -> FileError {
    FileError(.writeFailed, path, "the HDF5 library could not write: \(what)")
  }
}
