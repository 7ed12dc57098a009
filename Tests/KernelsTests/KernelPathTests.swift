import Kernels
import Testing

@Suite struct KernelPathTests {
  @Test func unknownAndImpossiblePathsAreMessages() throws {
    let error = #expect(throws: KernelPathError.self) {
      try KernelPath.selected(environment: "sse9")
    }
    #expect(error?.description.contains("sse9") == true)
    for path in KernelPath.allCases {
      if path.isAvailable {
        #expect(try KernelPath.selected(environment: path.rawValue) == path)
      } else {
        #expect(throws: KernelPathError.self) {
          try KernelPath.selected(environment: path.rawValue)
        }
      }
    }
  }

  /// What is kept on disk under another one's name would be another one's bits.
  @Test func identitiesTellPathsAndLibrariesApart() {
    #expect(Set(KernelPath.allCases.map(\.identity)).count == KernelPath.allCases.count)
    #expect(KernelPath.openblas.identity.contains("OpenBLAS 0."))
  }

  @Test func theBestPathIsTheDefault() throws {
    #expect(try KernelPath.selected(environment: nil) == KernelPath.best)
    #expect(try KernelPath.selected(environment: "") == KernelPath.best)
    #expect(KernelPath.best.isAvailable)
  }
}
