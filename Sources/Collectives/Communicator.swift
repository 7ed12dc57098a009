/// How values of several ranks become one.
package enum Reduction: Sendable {
  case sum, minimum, maximum
}

/// A number type that ranks can reduce together: `Float`, `Double` or `Int64`.
package protocol Reducible: BitwiseCopyable, Comparable, AdditiveArithmetic, Sendable {
  /// The type's name in messages and for the transport.
  static var reducibleKind: ReducibleKind { get }
}

/// The number types of ``Reducible``.
package enum ReducibleKind: Sendable {
  case float, double, int64
}

extension Float: Reducible { package static var reducibleKind: ReducibleKind { .float } }
extension Double: Reducible { package static var reducibleKind: ReducibleKind { .double } }
extension Int64: Reducible { package static var reducibleKind: ReducibleKind { .int64 } }

/// What the processes (ranks) of one run do together.
///
/// Every operation is collective: all ranks call it in the same order, and none returns before all
/// have entered it. A communicator belongs to the thread that made it.
package protocol Communicator: AnyObject {
  /// This process's number, 0 ..< ``worldSize``.
  var rank: Int { get }
  /// How many processes take part.
  var worldSize: Int { get }
  /// The host that this process runs on.
  var host: String { get }
  /// What this rank is doing, for the message that others print when it stops answering.
  var activity: String { get set }

  /// Called again and again while this rank waits in an operation, and by ``reportActivity()``; may do
  /// nothing where ranks are no processes. Must not use the communicator.
  var whileWaiting: () -> Void { get set }

  /// Replaces `values` by the element-wise reduction over all ranks.
  ///
  /// - Throws: ``CollectiveError/mismatch(_:)`` on every rank when the counts differ.
  func allreduce<Element: Reducible>(
    _ values: inout [Element], _ reduction: Reduction
  ) throws(CollectiveError)

  /// Replaces `bytes` on every rank by those of rank `root`, whatever their number.
  func broadcast(_ bytes: inout [UInt8], from root: Int) throws(CollectiveError)

  /// The bytes of every rank in rank order, on every rank; their numbers may differ.
  func allgather(_ bytes: [UInt8]) throws(CollectiveError) -> [[UInt8]]

  /// The bytes of every rank in rank order on rank `root`, an empty array elsewhere.
  func gather(_ bytes: [UInt8], to root: Int) throws(CollectiveError) -> [[UInt8]]

  /// Returns when every rank has entered it.
  func barrier() throws(CollectiveError)

  /// Tells the ranks that watch over the others that this one lives, and its ``activity``, while it
  /// is busy with something else than them. They take it for stalled where the activity stays the
  /// same for long. May be called often; not collective, and without effect where nobody watches.
  func reportActivity() throws(CollectiveError)
}

extension Communicator {
  package func reportActivity() throws(CollectiveError) {}

  /// This rank's index among the ranks of its host, and how many these are. Collective.
  package func indexOnHost() throws(CollectiveError) -> (index: Int, count: Int) {
    let hosts = try allgather(Array(host.utf8))
    let own = hosts[rank]
    return (hosts[..<rank].count { $0 == own }, hosts.count { $0 == own })
  }
}

/// Why ranks could not do something together.
package enum CollectiveError: Error, Equatable, CustomStringConvertible {
  /// The transport returned an error code: the operation and the transport's own words.
  case transport(operation: String, reason: String)
  /// Ranks entered the same operation with different sizes.
  case mismatch(String)
  /// Some ranks did not answer within the stall timeout; the text names them.
  case stalled(String)
  /// The processes were not started the way the transport needs; the text says the remedy.
  case launch(String)

  package var description: String {
    switch self {
    case .transport(let operation, let reason): "\(operation) failed: \(reason)"
    case .mismatch(let text), .stalled(let text), .launch(let text): text
    }
  }
}
