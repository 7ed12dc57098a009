import FileIO
import Tensors

extension DatasetManifest {
  /// The fold of each training image, from 0 to `count` - 1: parts of nearly equal size in which each
  /// class has nearly its share, and no group is torn apart. A function of the list and the seed.
  ///
  /// Images, or groups, are dealt out class by class in an order drawn by the seed, each to the fold
  /// that has fewest of that class so far, of equal ones to the one that has fewest images. A group of
  /// several classes is dealt out with that of its first image.
  ///
  /// - Precondition: `count` is at least 2.
  /// - Throws: ``DatasetError`` where a class has fewer images, or groups, than there are folds.
  package func folds(_ count: Int, seed: UInt64) throws(DatasetError) -> [Int] {
    precondition(count >= 2)
    var units: [[Int]] = []
    var unitOfGroup: [String: Int] = [:]
    for (index, sample) in train.enumerated() {
      if let group = sample.group {
        if let unit = unitOfGroup[group] {
          units[unit].append(index)
          continue
        }
        unitOfGroup[group] = units.count
      }
      units.append([index])
    }
    var folds = [Int](repeating: 0, count: train.count)
    var sizes = [Int](repeating: 0, count: count)
    let unitsOfClass = Dictionary(grouping: units) { train[$0[0]].label }
    for label in classes.indices {
      var own = unitsOfClass[label] ?? []
      guard own.count >= count else {
        throw DatasetError(
          .invalid,
          "the class '\(classes[label])' has \(own.count) training images or groups, too few for "
            + "\(count) folds; use fewer folds")
      }
      var random = CounterRandom(seed: seed, purpose: .folds, index: label)
      own.shuffle(using: &random)
      var ofClass = [Int](repeating: 0, count: count)
      for unit in own {
        let fold = (0..<count).min { (ofClass[$0], sizes[$0], $0) < (ofClass[$1], sizes[$1], $1) }
        guard let fold else { preconditionFailure("there are folds") }
        for index in unit { folds[index] = fold }
        ofClass[fold] += unit.count
        sizes[fold] += unit.count
      }
    }
    return folds
  }
}
