import Foundation
import Testing

extension ToolTests {
  /// libcrypto may be configured so that it knows no SHA-256.
  @Suite struct DigestTests {
    @Test func withoutSHA256NothingIsComputed() throws {
      let scratch = try TemporaryFolder()
      let configuration = scratch.path + "/openssl.cnf"
      try Data(
        """
        openssl_conf = start
        [start]
        providers = list
        [list]
        base = base
        [base]
        activate = 1

        """.utf8
      ).write(to: URL(fileURLWithPath: configuration))
      let outcome = try run(
        [Program.tool, "weights", "inspect", Workshop.demoBackbone()],
        environment: ["OPENSSL_CONF": configuration])
      #expect(outcome.status == 78)
      #expect(outcome.errors.contains("cannot compute SHA-256"))
      #expect(outcome.output.isEmpty)
    }
  }
}
