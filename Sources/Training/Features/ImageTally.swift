import Collectives
import ImageCodecs

/// How many images the network sees otherwise than a person in a viewer; see ``ImageNotes``.
package struct ImageTally: Equatable, Sendable {
  /// Images with an EXIF orientation other than upright.
  package private(set) var turned = 0
  /// Images with 16 bits of grey.
  package private(set) var deepGrey = 0

  /// None.
  package init() {}

  /// The counts of `notes`.
  package init(_ notes: some Sequence<ImageNotes>) {
    for notes in notes { add(notes) }
  }

  private mutating func add(_ notes: ImageNotes) {
    turned += notes.isTurned ? 1 : 0
    deepGrey += notes.isDeepGrey ? 1 : 0
  }

  /// Counts an image, unless it was left out.
  mutating func add(_ answer: FeatureAnswer) {
    if answer.features != nil { add(answer.notes) }
  }

  /// The sum over all ranks. Collective.
  func summed(_ communicator: any Communicator) throws(CollectiveError) -> ImageTally {
    var counts = [Int64(turned), Int64(deepGrey)]
    try communicator.allreduce(&counts, .sum)
    var sum = ImageTally()
    (sum.turned, sum.deepGrey) = (Int(counts[0]), Int(counts[1]))
    return sum
  }

  /// The counts in words, nil where there is nothing to tell.
  package var sentence: String? {
    var parts: [String] = []
    if turned > 0 {
      parts.append(
        (turned == 1 ? "1 image has" : "\(turned) images have")
          + " an EXIF orientation other than upright, which is not applied")
    }
    if deepGrey > 0 {
      parts.append(
        (deepGrey == 1 ? "1 image has" : "\(deepGrey) images have")
          + " 16 bits of grey, of which values above 255 become white")
    }
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
  }
}
