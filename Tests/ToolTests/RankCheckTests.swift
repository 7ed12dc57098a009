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

    @Test(arguments: [1, 2, 3, 4, 18]) func gatherings(ranks: Int) throws {
      let texts = (0..<ranks).map { $0 == 1 ? "" : "rank \($0)" }
      let expected = (0..<ranks).map { "\($0): \(texts) \($0 == ranks - 1 ? ranks : 0)" }
      #expect(try lines("gather", ranks: ranks) == expected)
    }

    /// An exchange of more numbers than one call of MPI takes is made of several.
    @Test func chunksOfAnExchangeAreWhole() throws {
      #expect(try lines("chunks", ranks: 3) == (0..<3).map { "\($0): true true" })
    }

    @Test(arguments: 1...4) func differentCountsAreRefusedOnEveryRank(ranks: Int) throws {
      let finding = ranks == 1 ? "no error" : "refused"
      #expect(try lines("mismatch", ranks: ranks) == (0..<ranks).map { "\($0): \(finding)" })
    }

    /// The message about the chosen rank; nobody else is named, and no rank reaches the end.
    private func complaint(_ check: String, _ chosen: Int, of ranks: Int) throws -> String {
      let words = [Program.rankCheck, check, "\(chosen)"]
      let outcome = try run(onRanks(ranks, words), seconds: 50)
      #expect(outcome.status == 69)
      #expect(outcome.output == "")
      for other in 0..<ranks where other != chosen {
        #expect(!outcome.errors.contains("rank \(other) does not answer"), "\(outcome.errors)")
        #expect(!outcome.errors.contains("rank \(other) is busy"), "\(outcome.errors)")
      }
      return outcome.errors
    }

    // Who is named where and when is tested without MPI, in StallWatchTests; here once each that MPI
    // carries it.

    @Test(arguments: [(3, 2)])
    func aRankThatStandsStillIsNamedAndEndsTheOthers(ranks: Int, chosen: Int) throws {
      let errors = try complaint("stall", chosen, of: ranks)
      #expect(errors.contains("rank \(chosen) does not answer (silent for "), "\(errors)")
      #expect(errors.contains(", step 3, file \(chosen).jpg)"), "\(errors)")
    }

    /// Whoever lives answers when all are told to end, so the others are known to be gone.
    @Test(arguments: [(3, 2)])
    func aRankThatIsGoneIsNamedWithItsPlace(ranks: Int, chosen: Int) throws {
      let words = [Program.rankCheck, "ending", "\(chosen)"]
      let outcome = try run(onRanks(ranks, words), seconds: 50)
      #expect(outcome.status == 0)
      let place = "do not answer: rank \(chosen) (last heard: host "
      #expect(outcome.errors.contains(place), "\(outcome.errors)")
      #expect(outcome.errors.contains(", step 5, file \(chosen).jpg)\n"), "\(outcome.errors)")
    }

    /// It had sent its heartbeat of the exchange, so only its silence tells.
    @Test(arguments: [(3, 0)])
    func aRankThatIsStoppedInsideAnExchangeIsNamed(ranks: Int, chosen: Int) throws {
      let errors = try complaint("stop", chosen, of: ranks)
      #expect(errors.contains("rank \(chosen) does not answer (silent for "), "\(errors)")
      #expect(errors.contains(", step 4, file \(chosen).jpg)"), "\(errors)")
    }

    @Test(arguments: [("leave", 3, 2), ("farewell", 2, 1)])
    func aRankThatStopsWhileAllLeaveEndsTheOthers(check: String, ranks: Int, chosen: Int) throws {
      let outcome = try run(onRanks(ranks, [Program.rankCheck, check, "\(chosen)"]), seconds: 50)
      #expect(outcome.status == 69)
      #expect(outcome.lines == (0..<ranks).map { "\($0): done" })
      let message =
        check == "leave" ? "rank \(chosen) does not answer" : "for the others to leave MPI"
      #expect(outcome.errors.contains(message), "\(outcome.errors)")
    }

    @Test(arguments: [(2, 0)])
    func aRankThatIsBusyWithSomethingElseIsNamed(ranks: Int, chosen: Int) throws {
      let errors = try complaint("busy", chosen, of: ranks)
      #expect(errors.contains("rank \(chosen) is busy with something else"), "\(errors)")
      #expect(errors.contains(", step 3, file \(chosen).jpg)"), "\(errors)")
    }

    /// For longer than the stall timeout, with another file each time that it is heard. Not one
    /// message may be late by that whole time, so the machine may be busy too.
    @Test(arguments: [(2, 0)])
    func aRankThatIsBusyAndGetsOnIsWaitedFor(ranks: Int, chosen: Int) throws {
      let outcome = try run(
        onRanks(ranks, [Program.rankCheck, "progress", "\(chosen)"]), seconds: 60)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.lines == (0..<ranks).map { "\($0): no stall" })
    }

    @Test(arguments: [3]) func whereTheFirstRanksStandStillAnotherSpeaks(ranks: Int) throws {
      let outcome = try run(onRanks(ranks, [Program.rankCheck, "watchers", "0"]), seconds: 50)
      #expect(outcome.status == 69)
      for rank in 0..<2 { #expect(outcome.errors.contains("rank \(rank) does not answer (silent")) }
    }

    @Test(arguments: [(2, 0)])
    func aProcessThatDoesNotComeToTheStartEndsTheOthers(ranks: Int, chosen: Int) throws {
      let outcome = try run(onRanks(ranks, [Program.rankCheck, "hello", "\(chosen)"]), seconds: 50)
      #expect(outcome.status == 69)
      #expect(outcome.errors.contains(" a process has waited "), "\(outcome.errors)")
      #expect(outcome.errors.contains(" s in MPI_Init: one of the others does not come."))
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
      let calls = try [
        (69, [Program.rankCheck, "reduce"]), (78, Workshop.train(Workshop.root + "/trap")),
      ]
      for (status, words) in calls {
        let outcome = try run(words, environment: variables, seconds: 60)
        #expect(outcome.status == Int32(status))
        #expect(
          outcome.errors.contains("started 4 processes, but MPI sees 1: each would train alone."))
        #expect(outcome.errors.contains("mpirun"))
      }
    }
  }
}
