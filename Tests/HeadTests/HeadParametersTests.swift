import Tensors
import Testing

@testable import Head

struct HeadParametersTests {
  @Test func tensorsLieInTheOrderOfTheStateDict() throws {
    let shape = try HeadShape(features: 2048, hidden: 128, classes: 2)
    #expect(shape.parameterCount == 262_530)
    #expect(
      shape.tensors.map(\.rawValue)
        == ["fc.0.weight", "fc.0.bias", "fc.2.weight", "fc.2.bias"])
    #expect(shape.range(of: .firstWeight) == 0..<262_144)
    #expect(shape.range(of: .firstBias) == 262_144..<262_272)
    #expect(shape.range(of: .secondWeight) == 262_272..<262_528)
    #expect(shape.range(of: .secondBias) == 262_528..<262_530)
  }

  @Test func tensorsMakeTheSameHeadAgain() throws {
    let parameters = try HeadFixture().parameters
    let copy = try HeadParameters { name throws(HeadError) in
      parameters.tensor(named: name)
    }
    #expect(copy == parameters)
  }

  /// Each wrong tensor, and a word that the message must have.
  static let damage: [(HeadTensor, Tensor<Float>?, String)] = [
    (.firstWeight, nil, "'fc.0.weight' is missing"),
    (.secondBias, nil, "'fc.2.bias' is missing"),
    (.firstWeight, Tensor(shape: [3], values: [1, 2, 3]), "has 1 dimensions, not 2"),
    (.secondWeight, Tensor(shape: [], values: [1]), "has 0 dimensions, not 2"),
    (.firstBias, Tensor(shape: [1], values: [1]), "has the shape [1], not [11]"),
    (.secondBias, Tensor(shape: [3], values: [1, .nan, 2]), "not finite"),
    (.secondWeight, Tensor(shape: [1, 11], values: .init(repeating: 0, count: 11)), "2 classes"),
    (.firstWeight, Tensor(shape: [0, 37], values: []), "1 hidden unit"),
  ]

  @Test(arguments: damage.indices) func damagedTensorsAreRefused(index: Int) throws {
    let (part, replacement, words) = Self.damage[index]
    let parameters = try HeadFixture().parameters
    let error = #expect(throws: HeadError.self) {
      try HeadParameters { name throws(HeadError) in
        name == part.rawValue ? replacement : parameters.tensor(named: name)
      }
    }
    #expect(error?.description.contains(words) == true, "\(String(describing: error))")
  }

  @Test func impossibleWidthsAreRefused() {
    for (features, hidden, classes) in [
      (0, 1, 2), (-1, 1, 2), (1, -1, 2), (1, 1, 1), (1 << 28, 0, 2), (.max, .max, .max),
      (1 << 20, 1 << 20, 2),
      (1, 1 << 14, 1 << 15), (1 << 28, 1, 2),
    ] {
      #expect(throws: HeadError.self) {
        try HeadShape(features: features, hidden: hidden, classes: classes)
      }
    }
  }
}

struct HeadInitialisationTests {
  @Test(arguments: HeadInitialisation.allCases) func valuesFillTheirRange(
    initialisation: HeadInitialisation
  ) throws {
    let shape = try HeadShape(features: 1024, hidden: 128, classes: 5)
    let head = initialHead(shape: shape, initialisation: initialisation, seed: 7)
    let bounds: [HeadTensor: Double] =
      switch initialisation {
      case .pytorch:
        [
          .firstWeight: 1 / 32, .firstBias: 1 / 32, .secondWeight: 0.08838834764831845,
          .secondBias: 0.08838834764831845,
        ]
      case .keras:
        [
          .firstWeight: 0.07216878364870323, .firstBias: 0,
          .secondWeight: 0.2123976636670283, .secondBias: 0,
        ]
      }
    for (part, bound) in bounds {
      let values = head.tensor(part).values.map(Double.init)
      let largest = values.map(abs).max() ?? 0
      #expect(largest <= bound * (1 + 1e-7))
      if bound > 0 {
        #expect(largest > bound * (values.count > 100 ? 0.95 : 0.3))
        let variance = values.reduce(0) { $0 + $1 * $1 } / Double(values.count)
        if values.count > 100 { #expect(abs(variance / (bound * bound / 3) - 1) < 0.15) }
      }
    }
  }

  @Test func valuesDependOnTheSeedAlone() throws {
    let shape = try HeadShape(features: 8, hidden: 4, classes: 2)
    let head = initialHead(shape: shape, initialisation: .pytorch, seed: 1)
    #expect(head == initialHead(shape: shape, initialisation: .pytorch, seed: 1))
    #expect(head != initialHead(shape: shape, initialisation: .pytorch, seed: 2))
    #expect(Set(head.values).count == head.values.count)
  }
}

extension HeadParameters {
  /// The tensor of a name; nil where the head has no such tensor.
  func tensor(named name: String) -> Tensor<Float>? {
    shape.tensors.first { $0.rawValue == name }.map(tensor)
  }
}

struct LinearHeadTests {
  @Test func itHasTheTensorsOfAPlainClassifier() throws {
    let head = try HeadFixture(hidden: 0).parameters
    #expect(head.shape.parameterCount == 3 * 38)
    #expect(head.shape.tensors.map(\.rawValue) == ["fc.weight", "fc.bias"])
    let copy = try HeadParameters { name throws(HeadError) in head.tensor(named: name) }
    #expect(copy == head)
    #expect(throws: HeadError.self) {
      try HeadParameters { name throws(HeadError) in
        name == "fc.bias" ? nil : head.tensor(named: name)
      }
    }
  }
}
