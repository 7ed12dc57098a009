import Foundation
import Testing

extension ToolTests {
  /// What `bench` prints; how fast the machine is does not matter.
  @Suite struct BenchToolTests {
    private func bench(_ ranks: Int?, _ more: [String] = []) throws -> [String: Any] {
      let words = [Program.tool, "bench", "--weights", "demo", "--seconds", "0.1", "--json"] + more
      let outcome = try run(onRanks(ranks, words))
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.lines.count == 1)
      return try Workshop.object(outcome.output)
    }

    private static let keys: Set = [
      "backbone", "backbone_images_per_second", "backbone_images_per_second_all_ranks",
      "fma_peak_gflops", "kernels", "layers", "picture_preparation_milliseconds", "precision",
      "ranks", "threads",
    ]

    @Test(arguments: [1, 3]) func oneProcess(threads: Int) throws {
      let result = try bench(nil, ["--threads", "\(threads)"])
      #expect(Set(result.keys) == Self.keys)
      #expect(result["threads"] as? Int == threads)
      #expect(result["ranks"] as? Int == 1)
      #expect(try #require(result["backbone_images_per_second"] as? Double) > 0)
    }

    @Test func layersHaveTheirShareOfThePeak() throws {
      let result = try bench(nil, ["--threads", "1"])
      let peak = try #require(result["fma_peak_gflops"] as? Double)
      let layers = try #require(result["layers"] as? [[String: Any]])
      #expect(
        layers.compactMap { $0["name"] as? String } == [
          "stem", "pointwise", "products", "strided", "transforms", "pooling",
        ])
      for layer in layers {
        let name = try #require(layer["name"] as? String)
        let rate = try #require(layer["gflops"] as? Double)
        let hasShare = peak > 0 && !["transforms", "pooling"].contains(name)
        #expect((layer["share_of_peak"] != nil) == hasShare, "\(name)")
        guard let share = layer["share_of_peak"] as? Double else { continue }
        #expect(abs(share - rate / peak) < 1e-9)
      }
    }

    @Test func underMPIRunTheExchangeIsMeasuredToo() throws {
      let result = try bench(2, ["--threads", "1"])
      let exchange: Set = [
        "allreduce_latency_microseconds", "allreduce_gradient_milliseconds",
        "allreduce_megabytes_per_second", "exact_sum",
      ]
      #expect(Set(result.keys) == Self.keys.union(exchange))
      #expect(result["ranks"] as? Int == 2)
      let sum = try #require(result["exact_sum"] as? [String: Any])
      #expect(
        Set(sum.keys) == [
          "gradient_milliseconds", "allreduce_milliseconds", "float_allreduce_milliseconds",
          "step_milliseconds", "percent_of_step",
        ])
    }

    @Test func theHelpNamesTheDefaults() throws {
      let help = try run([Program.tool, "bench", "--help"])
      #expect(help.status == 0)
      #expect(help.output.contains("backbone weights (random)"))
      #expect(!help.output.contains("AVP_WEIGHTS"))
    }
  }
}
