/// L-BFGS with backtracking, made so that each step is one evaluation of loss and gradient (Nocedal
/// and Wright, "Numerical Optimization", 2nd edition, algorithms 7.4, 7.5 and 3.1).
///
/// It minimises the mean loss plus half the weight decay times the sum of the squares of all weights,
/// biases left out. For a linear head and N samples that is scikit-learn's `LogisticRegression(C)` with
/// weight decay 1 / (C N), of two classes 2 / (C N), since it has one vector of weights for both.
///
/// A point is accepted where it meets Armijo's condition, c = 1e-4; else the next one lies at the
/// minimum of the parabola through what is known, from a tenth to half of the step. It has arrived
/// where the value is within a ten-millionth of the minimum: with weight decay d the value f is at most
/// |gradient|² / (2 d) above it, as f is that much curved at least along every weight (Boyd and
/// Vandenberghe, "Convex Optimization", 9.1.2). Without weight decay it has arrived where no element of
/// the gradient passes 1e-6; in any case where the value cannot be told from that of the last point.
///
/// ``OptimizerState/first`` holds the last accepted point, the gradient there and the direction;
/// ``OptimizerState/second`` the last ``pairs`` differences of points and of gradients;
/// ``OptimizerState/scalars`` what ``Scalar`` names.
package struct LimitedMemoryBFGS: OptimizerRule {
  /// More evaluations than a minimum usually takes.
  package static let usualEvaluations = 500
  /// How many differences are remembered.
  static let pairs = 10
  private static let gradientTolerance = 1e-6
  private static let valueTolerance = 1e-7
  private static let armijo = 1e-4

  /// What stands where in the scalars.
  private enum Scalar: Int, CaseIterable {
    /// 0 before the first point, 1 while points are tried, 2 at the minimum.
    case phase
    /// The value at the last accepted point.
    case value
    /// The slope there along the direction.
    case slope
    /// The step that is being tried, in directions.
    case step
    /// How many differences have been stored so far.
    case stored
  }

  package var scalarCount: Int { Scalar.allCases.count }

  package func isPossible(_ state: OptimizerState) -> Bool {
    [0, 1, 2].contains(state.scalars[Scalar.phase.rawValue])
      && (0...1e9).contains(state.scalars[Scalar.stored.rawValue])
  }

  package func hasArrived(_ state: OptimizerState) -> Bool {
    state.scalars[Scalar.phase.rawValue] == 2
  }

  package func memory(parameterCount: Int) -> (first: Int, second: Int) {
    (3 * parameterCount, 2 * Self.pairs * parameterCount)
  }

  package func update(
    _ parameters: inout HeadParameters, gradient: [Float], loss: Double,
    state: inout OptimizerState, settings: OptimizerSettings, learningRate: Double
  ) {
    let (value, slopes) = Self.penalised(loss, gradient, parameters, settings.weightDecay)
    var search = Search(state, parameters)
    // The only reference to the differences is then the search's, so that they are not copied.
    state = OptimizerState(step: 0, first: [], second: [])
    search.visit(value, slopes, isNear: Self.isNear(value, slopes, settings.weightDecay))
    parameters.values = search.point
    state = search.state
  }

  private static func isNear(_ value: Double, _ gradient: [Float], _ weightDecay: Double) -> Bool {
    guard weightDecay > 0 else {
      return gradient.allSatisfy { abs(Double($0)) <= gradientTolerance }
    }
    return dot(gradient[...], gradient[...]) <= 2 * weightDecay * valueTolerance * value
  }

  /// The loss and its gradient with those of weight decay.
  private static func penalised(
    _ loss: Double, _ gradient: [Float], _ parameters: HeadParameters, _ weightDecay: Double
  ) -> (Double, [Float]) {
    var value = loss
    var slopes = gradient
    for part in parameters.shape.tensors
    where part == .firstWeight || part == .secondWeight || part == .linearWeight {
      var squares = 0.0
      for index in parameters.shape.range(of: part) {
        let weight = Double(parameters.values[index])
        squares += weight * weight
        slopes[index] = Float(Double(gradient[index]) + weightDecay * weight)
      }
      value += weightDecay / 2 * squares
    }
    return (value, slopes)
  }

  /// The memory while one point is looked at.
  private struct Search {
    var state: OptimizerState
    /// The point at which the loss is wanted next.
    var point: [Float]
    private let count: Int

    init(_ state: OptimizerState, _ parameters: HeadParameters) {
      self.state = state
      point = parameters.values
      count = point.count
    }

    private subscript(scalar: Scalar) -> Double {
      get { state.scalars[scalar.rawValue] }
      set { state.scalars[scalar.rawValue] = newValue }
    }

    /// The last accepted point, the gradient there, the direction.
    private enum Row: Int { case point, gradient, direction }

    private func range(_ row: Row) -> Range<Int> {
      row.rawValue * count..<(row.rawValue + 1) * count
    }

    private func row(_ row: Row) -> ArraySlice<Float> { state.first[range(row)] }

    /// Takes the value and the gradient at ``point``, and moves it unless it is near enough.
    mutating func visit(_ value: Double, _ gradient: [Float], isNear: Bool) {
      switch self[.phase] {
      case 0:
        accept(value, gradient, isNear)
      case 1:
        let bound = self[.value] + LimitedMemoryBFGS.armijo * self[.step] * self[.slope]
        if value <= bound {
          remember(gradient)
          accept(value, gradient, isNear)
        } else {
          shorten(value)
        }
      default:
        break
      }
    }

    /// Goes on from this point in a new direction.
    private mutating func accept(_ value: Double, _ gradient: [Float], _ isNear: Bool) {
      let before = self[.value]
      let isFirst = self[.phase] == 0
      self[.value] = value
      state.first.replaceSubrange(range(.point), with: point)
      state.first.replaceSubrange(range(.gradient), with: gradient)
      let isFlat = !isFirst && before - value <= 1e-14 * abs(value)
      guard !isNear, !isFlat else {
        self[.phase] = 2
        return
      }
      self[.phase] = 1
      var direction = direction(gradient)
      var slope = dot(direction[...], gradient[...])
      if !(slope < 0) {
        // Rounding has spoilt the memory: the steepest way down, and nothing remembered.
        self[.stored] = 0
        direction = gradient.map { -$0 }
        slope = dot(direction[...], gradient[...])
      }
      self[.slope] = slope
      // Nothing is known of the curvature before the first difference.
      self[.step] = self[.stored] == 0 ? min(1, 1 / (-slope).squareRoot()) : 1
      state.first.replaceSubrange(range(.direction), with: direction)
      move()
    }

    /// Tries a shorter step.
    private mutating func shorten(_ value: Double) {
      let (step, slope) = (self[.step], self[.slope])
      let parabola = -slope * step * step / (2 * (value - self[.value] - slope * step))
      self[.step] = min(max(parabola, step / 10), step / 2)
      move()
      if point.elementsEqual(row(.point)) || self[.step] < 1e-10 {
        point = Array(row(.point))
        self[.phase] = 2
      }
    }

    /// To the point at the present step.
    private mutating func move() {
      let (base, direction) = (row(.point), row(.direction))
      for index in 0..<count {
        point[index] = Float(
          Double(base[base.startIndex + index])
            + self[.step] * Double(direction[direction.startIndex + index]))
      }
    }

    private func pair(_ number: Int) -> (points: Range<Int>, gradients: Range<Int>) {
      let start = number % LimitedMemoryBFGS.pairs * 2 * count
      return (start..<start + count, start + count..<start + 2 * count)
    }

    /// Stores the differences to the last accepted point, if the curvature between is positive.
    private mutating func remember(_ gradient: [Float]) {
      let points = zip(point, row(.point)).map { Float(Double($0) - Double($1)) }
      let gradients = zip(gradient, row(.gradient)).map { Float(Double($0) - Double($1)) }
      guard dot(points[...], gradients[...]) > 1e-12 * dot(gradients[...], gradients[...]) else {
        return
      }
      let place = pair(Int(self[.stored]))
      state.second.replaceSubrange(place.points, with: points)
      state.second.replaceSubrange(place.gradients, with: gradients)
      self[.stored] += 1
    }

    /// The two loops over the differences, in double precision.
    private func direction(_ gradient: [Float]) -> [Float] {
      var direction = gradient.map { -Double($0) }
      let stored = Int(self[.stored])
      let numbers = max(0, stored - LimitedMemoryBFGS.pairs)..<stored
      var shares: [Double] = []
      for number in numbers.reversed() {
        let (points, gradients) = pair(number)
        let share =
          dot(state.second[points], direction) / dot(state.second[points], state.second[gradients])
        add(-share, state.second[gradients], to: &direction)
        shares.append(share)
      }
      if let last = numbers.last {
        let (points, gradients) = pair(last)
        let factor =
          dot(state.second[points], state.second[gradients])
          / dot(state.second[gradients], state.second[gradients])
        for index in direction.indices { direction[index] *= factor }
      }
      for (number, share) in zip(numbers, shares.reversed()) {
        let (points, gradients) = pair(number)
        let other =
          dot(state.second[gradients], direction)
          / dot(state.second[points], state.second[gradients])
        add(share - other, state.second[points], to: &direction)
      }
      return direction.map { Float($0) }
    }
  }
}

private func dot(_ left: ArraySlice<Float>, _ right: ArraySlice<Float>) -> Double {
  var sum = 0.0
  for (x, y) in zip(left, right) { sum += Double(x) * Double(y) }
  return sum
}

private func dot(_ left: ArraySlice<Float>, _ right: [Double]) -> Double {
  var sum = 0.0
  for (x, y) in zip(left, right) { sum += Double(x) * y }
  return sum
}

private func add(_ factor: Double, _ values: ArraySlice<Float>, to sums: inout [Double]) {
  for (index, value) in zip(sums.indices, values) { sums[index] += factor * Double(value) }
}
