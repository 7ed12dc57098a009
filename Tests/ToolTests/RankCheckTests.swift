import Testing

extension ToolTests {
  /// The communicator over MPI, on every number of ranks and with other data on each.
  @Suite struct RankCheckTests {
    private func lines(_ check: String, ranks: Int) throws -> [String] {
      let outcome = try run(onRanks(ranks, [Program.rankCheck, check]), seconds: 60)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return outcome.lines
    }

    @Test(arguments: 1...4) func reductions(ranks: Int) throws {
      let pairs = ranks * (ranks - 1) / 2
      let sum = [Float(pairs) + Float(ranks) / 2, Float(-pairs)]
      let maximum = [Double((ranks - 1) * (ranks - 1)), 1]
      let minimum = [1 << 60 - (ranks - 1), 0]
      let expected = (0..<ranks).map { "\($0): \(sum) \(maximum) \(minimum) true" }
      #expect(try lines("reduce", ranks: ranks) == expected)
    }

    @Test(arguments: 1...4) func broadcastsFromEveryRank(ranks: Int) throws {
      let texts = (0..<ranks).map { root in
        "\([UInt8](repeating: UInt8(root + 1), count: 3 * root))"
      }
      let expected = (0..<ranks).map { "\($0): \(texts.joined(separator: " "))" }
      #expect(try lines("broadcast", ranks: ranks) == expected)
    }

    @Test(arguments: 1...4) func gatherings(ranks: Int) throws {
      let texts = (0..<ranks).map { $0 == 1 ? "" : "rank \($0)" }
      let expected = (0..<ranks).map { "\($0): \(texts) \($0 == ranks - 1 ? ranks : 0)" }
      #expect(try lines("gather", ranks: ranks) == expected)
    }

    @Test(arguments: 1...4) func differentCountsAreRefusedOnEveryRank(ranks: Int) throws {
      let finding = ranks == 1 ? "no error" : "refused"
      #expect(try lines("mismatch", ranks: ranks) == (0..<ranks).map { "\($0): \(finding)" })
    }

    @Test(arguments: 2...4) func aRankThatStandsStillIsNamedAndEndsTheOthers(ranks: Int) throws {
      let outcome = try run(onRanks(ranks, [Program.rankCheck, "stall"]), seconds: 50)
      #expect(outcome.status == 69)
      let last = ranks - 1
      #expect(outcome.errors.contains("rank \(last) does not answer (last heard: host "))
      #expect(outcome.errors.contains(", step 3, file \(last).jpg)"))
      #expect(outcome.output == "")
    }

    @Test func withoutALauncherThereIsOneRank() throws {
      let outcome = try run([Program.rankCheck, "gather"])
      #expect(outcome.lines == ["0: [\"rank 0\"] 1"])
    }

    /// Processes that were started together and know nothing of each other.
    @Test(arguments: [
      ["SLURM_STEP_ID": "0", "SLURM_PROCID": "1", "SLURM_NTASKS": "4"],
      ["PMI_RANK": "1", "PMI_SIZE": "4"], ["OMPI_COMM_WORLD_SIZE": "4"],
    ])
    func processesThatEachBelieveToBeAloneAreRefused(variables: [String: String]) throws {
      let words = try [[Program.rankCheck, "reduce"], Workshop.train(Workshop.root + "/trap")]
      for words in words {
        let outcome = try run(words, environment: variables, seconds: 60)
        #expect(outcome.status == 69)
        #expect(
          outcome.errors.contains("started 4 processes, but MPI sees 1: each would train alone."))
        #expect(outcome.errors.contains("mpirun"))
      }
    }
  }
}
