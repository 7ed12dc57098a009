internal import CMPIShim

/// Lets this thread, and those that it starts from now on, run on all of `processors`. Where the
/// system refuses, all stays as it was.
package func allowProcessors(_ processors: Set<Int>) {
  var words = [UInt](repeating: 0, count: (processors.max() ?? 0) / UInt.bitWidth + 1)
  for processor in processors {
    words[processor / UInt.bitWidth] |= 1 << (processor % UInt.bitWidth)
  }
  _ = avp_allow_processors(words, words.count * MemoryLayout<UInt>.size)
}
