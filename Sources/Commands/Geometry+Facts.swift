import ImageTransforms

extension Geometry {
  /// What the metadata of exported models and of features say of it, but for what has always been so.
  var facts: [String: String] {
    var facts: [String: String] = [:]
    if size != Geometry().size { facts["image_size"] = "\(size)" }
    if resize != .squash { facts["resize_mode"] = resize.rawValue }
    if resize == .crop { facts["crop_ratio"] = "\(cropRatio)" }
    return facts
  }

  /// What metadata say; nil where it cannot be.
  init?(facts: [String: String]) {
    self.init()
    guard let size = facts["image_size"].map(Int.init) ?? size, Self.isSize(size),
      let resize = facts["resize_mode"].map(Resize.init) ?? resize,
      let cropRatio = facts["crop_ratio"].map(Double.init) ?? cropRatio,
      Self.cropRatios.contains(cropRatio)
    else { return nil }
    self.init(size: size, resize: resize, cropRatio: cropRatio)
  }
}

extension ImageTransform {
  /// How images are resized, for a person.
  var resizingSentence: String {
    switch geometry.resize {
    case .squash: "both sides to \(size), \(preset.resizing)"
    case .crop:
      "the shorter side to \(geometry.shorterSide), \(preset.resizing), then the middle "
        + "\(size) x \(size)"
    case .pad:
      "the longer side to \(size), \(preset.resizing), in the middle of a square of RGB "
        + "(\(paddingColour.map { "\($0)" }.joined(separator: ", ")))"
    }
  }
}
