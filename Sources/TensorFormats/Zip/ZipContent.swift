import FileIO

/// What a zip archive is that holds no state_dict and no Keras model, with what to do about it.
package struct ZipContent {
  private let archive: ZipArchive
  private let path: String

  package init(_ archive: ZipArchive, path: String) {
    self.archive = archive
    self.path = path
  }

  /// Refuses programs of PyTorch, whose weights stand among code and in other names.
  package func refusePrograms() throws(FileError) {
    let names = archive.entries.keys
    if names.contains(where: { $0.hasSuffix("/constants.pkl") || $0 == "constants.pkl" }) {
      throw unsupported(
        "is a TorchScript program (torch.jit.save), not a state_dict; save its weights with "
          + "torch.save(torch.jit.load(\(quoted(path))).state_dict(), \"weights.pth\")")
    }
    if names.contains(where: {
      $0.hasSuffix("archive_format") || $0.hasSuffix("serialized_exported_program.json")
    }) {
      throw unsupported(
        "is a program of torch.export, not a state_dict; save its weights with "
          + "torch.save(torch.export.load(\(quoted(path))).state_dict, \"weights.pth\")")
    }
  }

  /// Names the weight file in an archive that is none itself.
  package func unknown() -> FileError {
    let member = sortedByBytes(archive.entries.keys).first { name in
      Self.weightSuffixes.contains { name.lowercased().hasSuffix($0) }
    }
    guard let member else {
      return unsupported("is a zip archive, but neither of PyTorch nor of Keras")
    }
    return unsupported(
      "is a zip archive with the weight file \(quoted(member)) inside; unpack it, and name that file"
    )
  }

  /// How the names of weight files end.
  private static let weightSuffixes = [
    ".safetensors", ".pth", ".pt", ".pth.tar", ".bin", ".ckpt", ".h5", ".hdf5", ".keras", ".onnx",
  ]

  private func unsupported(_ reason: String) -> FileError {
    FileError(.unsupported, path, reason)
  }
}
