/// A communicator whose ranks can also exchange bytes in pairs, to measure what is between them.
package protocol PairExchange: Communicator {
  /// Sends `bytes` to rank `partner` and receives as many from it; the partner does the same with
  /// this rank. Not collective: others may do something else meanwhile.
  ///
  /// It waits without sleeping at first, so that the time it takes is the network's.
  func exchange(_ bytes: [UInt8], with partner: Int) throws(CollectiveError) -> [UInt8]
}
