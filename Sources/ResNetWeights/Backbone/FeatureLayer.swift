/// The stage whose channel means are the features.
package enum FeatureLayer: String, CaseIterable, Codable, Sendable, Comparable {
  case layer1, layer2, layer3, layer4

  /// 1 to 4.
  package var number: Int {
    switch self {
    case .layer1: 1
    case .layer2: 2
    case .layer3: 3
    case .layer4: 4
    }
  }

  package static func < (left: FeatureLayer, right: FeatureLayer) -> Bool {
    left.number < right.number
  }
}
