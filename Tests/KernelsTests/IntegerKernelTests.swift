import CIntegerCheck
import CKernels
import CKernelsAVX2
import CKernelsAVX512
import Foundation
import Testing

/// The integer kernels that are tested: one table for each instruction set, and the shapes that
/// other processors have in statements for any.
enum TestedIntegerKernels: String, CaseIterable, Sendable {
  case portable, avx2, avxVNNI, avxVNNIEncoded, avx512, avx512VNNI, neon
  case wideWords, wideBytes, middleBytes, narrowBytes

  /// Those that this processor can run.
  static let available = allCases.filter { $0.table != nil }

  var table: UnsafePointer<avp_integer_kernels>? {
    switch self {
    case .portable: avp_integers_portable()
    case .avx2: avp_has_avx2() != 0 ? avp_integers_avx2() : nil
    case .avxVNNI: avp_has_avx_vnni() != 0 ? avp_integers_avx_vnni() : nil
    case .avxVNNIEncoded: avp_integers_avx_vnni_encoded()
    case .avx512: avp_has_avx512() != 0 ? avp_integers_avx512() : nil
    case .avx512VNNI: avp_has_avx512_vnni() != 0 ? avp_integers_avx512_vnni() : nil
    case .neon: avp_has_i8mm() != 0 ? avp_integers_neon() : nil
    case .wideWords: avp_integers_wide_words()
    case .wideBytes: avp_integers_wide_bytes()
    case .middleBytes: avp_integers_middle_bytes()
    case .narrowBytes: avp_integers_narrow_bytes()
    }
  }
}

@Suite struct IntegerKernelTests {
  /// Every kind of layer, every size of a side up to 17, ordinary and extreme operands: the same
  /// bits as the reference.
  @Test(arguments: TestedIntegerKernels.available)
  func theReferencesBits(kernels: TestedIntegerKernels) throws {
    let table = try #require(kernels.table)
    var message = [CChar](repeating: 0, count: 400)
    let areEqual = avp_check_integers(table, 1, 10, &message, message.count)
    let text = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    #expect(areEqual == 1, "\(kernels): \(String(decoding: text, as: UTF8.self))")
  }

  /// The same with operands that nobody has chosen, for as long as `AVP_FUZZ_SECONDS` says, 60 unless
  /// it does: a part of it for each table.
  @Test(
    .enabled(
      if: ProcessInfo.processInfo.environment["AVP_FULL_TESTS"] == "1", "AVP_FULL_TESTS is not 1"))
  func randomOperandsForAWhile() throws {
    let all = TestedIntegerKernels.available
    let seconds = ProcessInfo.processInfo.environment["AVP_FUZZ_SECONDS"].flatMap(Double.init) ?? 60
    let clock = ContinuousClock()
    for kernels in all {
      let table = try #require(kernels.table)
      let end = clock.now + .seconds(seconds / Double(all.count))
      var seed: UInt32 = .random(in: 0...(.max))
      repeat {
        var message = [CChar](repeating: 0, count: 400)
        let areEqual = avp_check_integers(table, seed, 100, &message, message.count)
        let text = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        #expect(areEqual == 1, "\(kernels), seed \(seed): \(String(decoding: text, as: UTF8.self))")
        seed &+= 1
      } while clock.now < end
    }
  }

  /// What bench divides by: a table whose burst does less than it says shows more than there is.
  @Test(arguments: TestedIntegerKernels.available)
  func burstsDoWhatTheyCount(kernels: TestedIntegerKernels) throws {
    let table = try #require(kernels.table)
    for run in [table.pointee.byte_burst!, table.pointee.word_burst!] {
      let few: Double = run(100)
      let many: Double = run(200)
      #expect(few > 0)
      #expect(many == 2 * few)
    }
  }

  /// The largest sum that Winograd's products are exact for, on both sides.
  @Test func winogradFitsUpTo25Bits() {
    let shape = avp_integer_shape(inputs: 64, outputs: 64, kernel: 3, stride: 1)
    var bias = [Int32](repeating: 0, count: 64)
    func fits(_ weight: Int8, _ lastBias: Int32) -> Bool {
      let weights = [Int8](repeating: weight, count: 64 * 9 * 64)
      bias[63] = lastBias
      return weights.withUnsafeBufferPointer { weights in
        bias.withUnsafeBufferPointer { bias in
          // Shifts and multipliers do not matter.
          var operands = avp_integer_weights()
          operands.shape = shape
          operands.weights = weights.baseAddress
          operands.bias = bias.baseAddress
          return avp_fits_winograd(&operands) != 0
        }
      }
    }
    let most: Int32 = 9 * 64 * 255 * 127
    let bound: Int32 = 1 << 25
    #expect(fits(127, bound - most - 1))
    #expect(!fits(127, bound - most))
    #expect(fits(-127, most - bound + 1))
    #expect(!fits(-127, most - bound))
  }

  @Test func wordsAreCounted() {
    var counts = [UInt64](repeating: 0, count: 1 << 16)
    let words: [Int16] = [-32768, 32767, 0, 0, -1]
    avp_count_words(words, words.count, &counts)
    #expect(counts[0] == 1 && counts[65535] == 1 && counts[32768] == 2 && counts[32767] == 1)
    #expect(counts.reduce(0, +) == 5)
  }
}
