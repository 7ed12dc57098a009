/// What a generated image shows.
package enum FigureKind: String, CaseIterable, Sendable {
  // The two classes of the demo.
  case alien
  case predator
  // What the demo backbone is trained on: none of these is one of the two above.
  case arcs
  case bars
  case branch
  case cross
  case disc
  case dottedCircle = "dotted-circle"
  case gear
  case polygon
  case ring
  case spiral
  case star
  case stripes

  /// The name of the class folder.
  package var className: String { rawValue }

  /// A number that never changes, for the random generator; new kinds go to the end of `allCases`.
  var number: Int {
    guard let number = Self.allCases.firstIndex(of: self) else {
      preconditionFailure("a kind that is not among all kinds")
    }
    return number
  }
}

/// Which classes a generated image set has.
package enum DemoSet: String, CaseIterable, Sendable {
  /// Aliens and predators: what the demo learns.
  case demo
  /// Twelve kinds of plain figures: what the demo backbone was trained on.
  case backboneTraining = "backbone"

  /// The classes of the set, in the order of their folder names.
  package var kinds: [FigureKind] {
    switch self {
    case .demo: [.alien, .predator]
    case .backboneTraining: FigureKind.allCases.filter { $0 != .alien && $0 != .predator }
    }
  }
}
