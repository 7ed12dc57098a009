import Testing

/// Everything that starts a program: one at a time, because several ranks share the machine
/// already.
@Suite(.serialized) enum ToolTests {}
