import ImageTransforms
import Settings

extension Geometry.Resize: SettingChoice {}

/// Commands that make the network's input have these settings.
extension Geometry: SettingsGroup {
  package init() { self.init(size: 224) }

  package static let settings: [Setting<Self>] = {
    let group = "Images"
    return [
      Setting(
        "image-size", \.size, "N", in: .where(isSize, "from 96 to 512 in steps of 32"),
        "width and height of what the backbone sees", group: group, role: .numbers),
      Setting(
        "resize", \.resize, "how images become squares", group: group, role: .numbers),
      Setting(
        "crop-ratio", \.cropRatio, "X", in: .from(cropRatios.lowerBound, to: cropRatios.upperBound),
        "share of the shorter side that is left by --resize crop", group: group, role: .numbers,
        needs: .with("resize", ["crop"])),
    ]
  }()
}
