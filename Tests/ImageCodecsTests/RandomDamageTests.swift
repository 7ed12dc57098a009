import Foundation
import ImageCodecs
import Tensors
import Testing

/// Damaged images either decode to the size they claim or are refused; they never end the
/// process.
@Suite struct RandomDamageTests {
  @Test func aFewThousandDamagedImages() throws {
    let golden = try GoldenImages()
    for kind in golden.kinds {
      let bytes = try golden.bytes(kind)
      for index in 0..<100 { decodeDamaged(bytes, seed: 1, index: index) }
    }
  }

  /// Two minutes of new damage each time; the seed is printed, to run it again.
  @Test(
    .enabled(
      if: ProcessInfo.processInfo.environment["AVP_FULL_TESTS"] == "1", "AVP_FULL_TESTS is not 1"))
  func twoMinutesOfDamagedImages() throws {
    let chosen = ProcessInfo.processInfo.environment["AVP_FUZZ_SEED"].flatMap { UInt64($0) }
    let seed = chosen ?? UInt64.random(in: 0..<1 << 32)
    print("damaged images: AVP_FUZZ_SEED=\(seed)")
    let golden = try GoldenImages()
    let files = try golden.kinds.map { try golden.bytes($0) }
    let end = ContinuousClock.now + .seconds(120)
    var index = 0
    while ContinuousClock.now < end {
      decodeDamaged(files[index % files.count], seed: seed, index: index)
      index += 1
    }
    print("damaged images: \(index) were tried")
  }

  private func decodeDamaged(_ bytes: [UInt8], seed: UInt64, index: Int) {
    var random = CounterRandom(seed: seed, purpose: .demoFigures, index: index)
    var damaged = bytes.damaged(&random)
    // Half of the PNG files get past the checks, and reach the decoder itself.
    if bytes.first == 0x89, random.below(2) == 0 { damaged = damaged.withRightChecks }
    _ = ImageNotes(damaged)
    do throws(ImageError) {
      let image = try decodeImage(damaged)
      #expect(image.pixels.count == image.width * image.height * 3)
    } catch {
      #expect(error.description.count > 10)
    }
  }
}

extension [UInt8] {
  /// The bytes with one to six changes: a bit, a byte, a piece removed, repeated or filled.
  fileprivate func damaged(_ random: inout CounterRandom) -> [UInt8] {
    var changed = self
    for _ in 0...random.below(6) where changed.count > 8 {
      let place = random.below(changed.count)
      let end = Swift.min(place + 1 + random.below(16), changed.count)
      switch random.below(6) {
      case 0: changed[place] ^= 1 << random.below(8)
      case 1: changed[place] = UInt8(truncatingIfNeeded: random.next())
      case 2: changed[place] = [0, 0xFF, 0x7F, 0x80][random.below(4)]
      case 3: changed.removeSubrange(place..<end)
      case 4: changed.insert(contentsOf: changed[place..<end], at: place)
      default: changed.replaceSubrange(place..<end, with: repeatElement(0xFF, count: end - place))
      }
    }
    return changed
  }
}
