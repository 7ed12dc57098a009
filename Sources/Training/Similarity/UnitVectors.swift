internal import CSimilarity

/// Feature vectors brought to length 1, so that the product of two is the cosine of their angle.
///
/// A cosine has the same bits whatever other vectors there are, on any number of threads, and on every
/// processor of an architecture; of two vectors it is the same in both orders.
package struct UnitVectors: Sendable {
  /// How many vectors there are, those not known among them.
  package var count: Int { isKnown.count }

  /// Whether each vector is known.
  private(set) var isKnown: [Bool] = []
  private let width: Int
  /// The vectors by blocks of ``blockSize``, of which two and their products stay in a cache.
  private var blocks: [[Float]] = []
  private static let blockSize = 64

  /// No vectors yet, of `width` numbers each.
  ///
  /// - Precondition: `width` is positive.
  package init(width: Int) {
    precondition(width > 0)
    self.width = width
  }

  /// Numbers of a vector with the zeros behind it.
  private var stride: Int { (width + 3) / 4 * 4 }

  /// Adds one at the end; nil stands for one that is not known, and is near none. A vector of zeros, which
  /// has no direction, has a cosine of 0 with all.
  ///
  /// - Precondition: it has the width of all.
  package mutating func append(_ known: [Float]?) {
    let vector = known ?? Array(repeating: 0, count: width)
    precondition(vector.count == width)
    if count.isMultiple(of: Self.blockSize) { blocks.append([]) }
    let length = vector.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    let scale = length > 0 ? 1 / length : 0
    blocks[blocks.count - 1] += vector.map { Float(Double($0) * scale) }
    blocks[blocks.count - 1] += repeatElement(0, count: stride - width)
    isKnown.append(known != nil)
  }

  /// How many blocks there are.
  var blockCount: Int { blocks.count }

  /// The indices of the vectors of a block.
  func indices(ofBlock block: Int) -> Range<Int> {
    block * Self.blockSize..<min((block + 1) * Self.blockSize, count)
  }

  /// The cosines of the vectors of one block with those of a block of others, row by row; rounding
  /// leaves none above 1.
  ///
  /// - Precondition: the others have the same width.
  func cosines(_ block: Int, with others: UnitVectors, _ other: Int) -> [Float] {
    precondition(width == others.width)
    let (rows, columns) = (indices(ofBlock: block).count, others.indices(ofBlock: other).count)
    var products = [Float](repeating: 0, count: rows * columns)
    similarity_products(
      blocks[block], Int64(rows), others.blocks[other], Int64(columns), Int64(stride), &products)
    for index in products.indices where products[index] > 1 { products[index] = 1 }
    return products
  }
}

/// A vector that is near another one.
package struct Neighbour: Equatable, Sendable {
  /// Which one it is.
  package let index: Int
  /// The cosine of the angle between the two, at most 1.
  package let cosine: Float

  /// Whether it comes before `other`: by a larger cosine, or an equal one and a lower index.
  func isNearer(than other: Neighbour) -> Bool {
    cosine > other.cosine || (cosine == other.cosine && index < other.index)
  }
}
