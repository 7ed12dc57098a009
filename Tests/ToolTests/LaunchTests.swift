import Foundation
import Testing

extension ToolTests {
  /// What `launch` makes of the end of an attempt, with a script in place of mpirun.
  @Suite struct LaunchTests {
    private let scratch: TemporaryFolder
    private let output: String

    init() throws {
      scratch = try TemporaryFolder()
      output = scratch.path + "/run"
    }

    /// Puts a file into the run's folder of checkpoints.
    private func writeCheckpoint(_ name: String) throws -> String {
      let folder = output + "/checkpoints"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try Data([1]).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
      return "\(folder)/\(name)"
    }

    /// Launches with an mpirun that notes its words and does `attempts` one after the other.
    private func launch(
      _ attempts: [String], _ words: [String] = [], options: [String] = ["-n", "2"],
      environment: [String: String] = [:]
    ) throws -> (Outcome, [String]) {
      let outcome = try start(attempts, words, options: options, environment: environment).wait()
      let calls = (try? scratch.text("calls"))?.split(separator: "\n").map(String.init)
      return (outcome, calls ?? [])
    }

    private func start(
      _ attempts: [String], _ words: [String] = [], options: [String] = ["-n", "2"],
      environment: [String: String] = [:]
    ) throws -> Program {
      let cases = attempts.enumerated().map { "\($0 + 1)) \($1);;" }.joined(separator: "\n")
      let script = """
        #!/bin/sh
        echo "$*" >>\(scratch.path)/calls
        case $(wc -l <\(scratch.path)/calls) in
        \(cases)
        esac
        """
      try writeProgram("mpirun", script)
      let search = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
      return try Program(
        [Program.tool, "launch"] + options + ["--", "train", "--output", output] + words,
        environment: ["PATH": "\(scratch.path):\(search)"].merging(environment) { $1 })
    }

    private func writeProgram(_ name: String, _ script: String) throws {
      let path = "\(scratch.path)/\(name)"
      try Data(script.utf8).write(to: URL(fileURLWithPath: path))
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    }

    @Test(arguments: [64, 65, 66, 73, 74, 78] as [Int32])
    func whatWouldHappenAgainIsNotTriedAgain(status: Int32) throws {
      let (outcome, calls) = try launch(["exit \(status)"], [])
      #expect(outcome.status == status)
      #expect(calls.count == 1)
      #expect(
        outcome.errors.contains("The run ended with status \(status) and is not started again"))
    }

    @Test(arguments: ["exit 69", "exit 70", "exit 1", "exit 137", "kill -9 $$"])
    func whatMayBeChanceIsTriedAgain(end: String) throws {
      let (outcome, calls) = try launch([end, end, "exit 0"], [])
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(calls.count == 3)
      #expect(!calls[0].contains("--resume"))
      #expect(calls[1].hasSuffix("--resume auto") && calls[2].hasSuffix("--resume auto"))
    }

    @Test func aWrongWordOfTheRunIsFoundBeforeItStarts() throws {
      for words in [["--epochs", "0"], ["--keep", "0"], ["--exchange", "none"]] {
        let (outcome, calls) = try launch([], words)
        #expect(outcome.status == 64)
        #expect(calls.isEmpty)
      }
      #expect(!FileManager.default.fileExists(atPath: output))
    }

    @Test func theRestartsHaveAnEnd() throws {
      let (outcome, calls) = try launch(Array(repeating: "exit 137", count: 9), [])
      #expect(outcome.status == 69)
      #expect(calls.count == 4)
      #expect(
        outcome.errors.contains("The run ended with status 137 after 3 restarts. There is no"))
    }

    /// As mpirun says where its folder for its own files is full; no start could do better.
    @Test(arguments: [
      ("[vm:1] PMIX ERROR: OUT-OF-RESOURCE in file dstore_segment.c at line 208", 74),
      ("A call to mkdir was unable to create the desired directory:", 73),
      ("It looks like orte_init failed for some reason", 69),
      ("mpirun was unable to launch the specified application as it could not", 69),
    ])
    func aStartThatCannotSucceedIsNotTriedAgain(words: String, status: Int32) throws {
      let script =
        switch status {
        case 74: "echo '\(words)' >&2"
        case 73:
          box(words, "", "  Directory: /full/x", "  Error:     No space left", "", "Please check")
        default:
          box(
            words, "Open MPI developer):", "  x failed", "  --> Returned value", "Executable: y",
            "Node: z")
        }
      let (outcome, calls) = try launch(
        [script + "; exit 1"], environment: ["TMPDIR": "/tmp/./"])
      #expect(outcome.status == status)
      #expect(calls.count == 1)
      #expect(outcome.errors.contains("avp-dist: mpirun could not start the ranks: "))
      let reasons: [Int32: String] = [
        74: "there is no room for mpirun's own files in /tmp/./. Make room",
        73: "it cannot make the folder /full/x: No space left.",
      ]
      #expect(outcome.errors.contains(reasons[status] ?? ": "), "\(outcome.errors)")
    }

    @Test func aRunThatWroteNothingLeavesNoFolder() throws {
      try FileManager.default.createDirectory(
        atPath: output, withIntermediateDirectories: true)
      let words = [Program.tool, "launch", "-n", "2", "--", "train", "--weights", "demo"]
      let outcome = try run(words, in: output)
      #expect(outcome.status == 66)
      #expect(outcome.errors.contains("there is no folder data"), "\(outcome.errors)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: output) == [])
    }

    @Test(arguments: [" ", "="]) func aNamedCheckpointCountsUntilThereAreNewerOnes(
      separator: Character
    ) throws {
      let words = "--resume\(separator)\(try writeCheckpoint("x.safetensors"))"
        .split(separator: " ").map(String.init)
      let write = "echo new >\(output)/checkpoints/new.safetensors; exit 137"
      let (outcome, calls) = try launch(["exit 137", write, "exit 137", "exit 0"], words)
      #expect(outcome.status == 0, "\(outcome.errors)")
      try #require(calls.count == 4)
      let named = words.joined(separator: " ")
      #expect(calls[0].hasSuffix(named) && calls[1].hasSuffix(named))
      for call in calls[2...] {
        #expect(call.hasSuffix("--resume auto"))
        #expect(!call.contains("x.safetensors"))
      }
    }

    @Test func aCheckpointThatIsWrittenAgainIsANewOne() throws {
      let file = try writeCheckpoint("epoch-0001.safetensors")
      let (outcome, calls) = try launch(
        ["echo new >\(file).part; mv \(file).part \(file); exit 137", "exit 0"],
        ["--resume", file])
      #expect(outcome.status == 0)
      #expect(calls.last?.hasSuffix("--resume auto") == true)
    }

    @Test func aStoppedRunIsNotStartedAgain() throws {
      let (outcome, calls) = try launch(["exit 75"], [])
      #expect(outcome.status == 75)
      #expect(calls.count == 1)
    }

    // MARK: What is shown

    private static let rule = String(repeating: "-", count: 74)

    /// A box such as mpirun writes.
    private func box(_ lines: String...) -> String {
      ([Self.rule] + lines + [Self.rule]).map { "echo '\($0)' >&2" }.joined(separator: "; ")
    }

    @Test func aRankThatWasKilledIsNamed() throws {
      let killed = box(
        "mpirun noticed that process rank 1 with PID 0 on node node03 exited on signal 9 (Killed).")
      let (outcome, _) = try launch(
        [killed + "; exit 137"], options: ["-n", "2", "--max-restarts=0"])
      #expect(outcome.errors.contains("rank 1 on host node03 was ended by signal 9\n"))
      #expect(!outcome.errors.contains(Self.rule))
    }

    @Test func ofMpirunsWordsTheUsefulOnesAreShown() throws {
      let script = [
        "echo before >&2",
        "echo 'mpirun: Forwarding signal 10 to job' >&2",
        box("Primary job  terminated normally, but 1 process returned", "a non-zero exit code."),
        box("mpirun detected that one or more processes exited with non-zero status", "", "Exit"),
        "echo between >&2", box("mpirun was unable to launch", "", "Executable: x", "Node: node02"),
        "printf 'without an end' >&2", "exit 65",
      ].joined(separator: "; ")
      let (outcome, _) = try launch([script])
      let useful = [
        "before", "between", Self.rule, "mpirun was unable to launch", "", "Executable: x",
        "Node: node02", Self.rule, "without an end",
      ]
      let shown = outcome.errors.split(separator: "\n", omittingEmptySubsequences: false)
        .map(String.init)
      #expect(Array(shown.dropFirst().prefix(useful.count)) == useful)
    }

    /// Open MPI's words about a host that is gone, each a box of up to 20 lines.
    @Test func aLostHostIsALineOfEachKind() throws {
      let script = [
        box("ORTE was unable to reliably start one or more daemons.", "This usually is", "* not"),
        box("ORTE has lost communication", "Remote daemon: [[1,0],2] on node h3", "", "This is"),
        box(
          "WARNING: Open MPI failed to TCP connect to a peer MPI process.  This", "should not", "",
          "  Local host: h2", "  PID:        9", "  Message:    connect() to 10.0.0.1:1024 failed",
          "  Error:      Operation now in progress (115)"),
        "echo '[h1:7] 1 more process has sent help message' >&2", "exit 255",
      ].joined(separator: "; ")
      let (outcome, _) = try launch([script], options: ["-n", "2", "--max-restarts=0"])
      let shown = outcome.errors.split(separator: "\n").map(String.init).dropFirst()
      try #require(shown.count == 4, "\(outcome.errors)")
      #expect(shown[1].hasPrefix("avp-dist: mpirun has no connection to its daemon (orted)"))
      #expect(shown[2] == "avp-dist: mpirun has lost host h3")
      #expect(
        shown[3]
          == "avp-dist: on host h2: connect() to 10.0.0.1:1024 failed: Operation now in progress (115)"
      )
    }

    /// With the real mpirun.
    @Test func whatMpirunSaysOfAKilledRankIsUnderstood() throws {
      let words = try Workshop.train(output, epochs: 30, ["--checkpoint-every-steps", "1"])
      let launch = [Program.tool, "launch", "-n", "3", "--max-restarts", "0", "--"]
      let program = try Program(launch + words.dropFirst())
      #expect(program.wait { !Workshop.checkpoints(output).isEmpty })
      let ranks = program.ranks()
      try #require(ranks.count == 3)
      kill(ranks[1], SIGKILL)
      let outcome = try program.wait()
      #expect(outcome.status == 69)
      let named = #/avp-dist: rank 1 on host \S+ was ended by signal 9\n/#
      #expect(outcome.errors.contains(named), "\(outcome.errors)")
    }

    // MARK: Hosts

    /// A hostfile of three hosts, and an ssh that lets `answer` decide whether a host answers.
    private func hosts(answer: String) throws -> [String] {
      try Data("one slots=2\ntwo slots = 2 # a comment\nthree\n".utf8)
        .write(to: URL(fileURLWithPath: scratch.path + "/hosts"))
      try writeProgram(
        "ssh", "#!/bin/sh\nfor word; do host=$before; before=$word; done\n\(answer)\n")
      return ["--hostfile", scratch.path + "/hosts"]
    }

    @Test func hostsAndVariablesReachMpirun() throws {
      let options = try ["-n", "5"] + hosts(answer: "exit 0")
      let (outcome, calls) = try launch(
        ["exit 0"], options: options, environment: ["AVP_KERNELS": "portable"])
      #expect(outcome.status == 0, "\(outcome.errors)")
      let words = try #require(calls.first)
      #expect(words.contains("-n 5 ") && words.contains("--host one:2,two:2,three:1 "))
      #expect(words.contains("-x AVP_KERNELS ") && words.contains("-x XDG_CACHE_HOME "))
      #expect(!words.contains("-x AVP_WEIGHTS"))
    }

    @Test(arguments: [
      ("exec sleep 60", "does not answer and is left out\n"),
      (
        "echo 'ssh: connect to host two port 22: Connection refused' >&2; exit 255",
        "does not answer and is left out: ssh: connect to host two port 22: Connection refused\n"
      ),
      (
        "echo 'x@two: Permission denied (publickey).' >&2; exit 255",
        "refuses the login and is left out: x@two: Permission denied (publickey).\n"
      ),
      (
        "echo 'ssh: Could not resolve hostname two: Name or service not known' >&2; exit 255",
        "is not known by this name and is left out: ssh: Could not"
      ),
      (
        "echo 'Host key verification failed.' >&2; exit 255",
        "has a key that is not known here; log in once by hand and is left out: Host key"
      ),
      ("exit 3", "does not run commands (status 3) and is left out\n"),
    ])
    func aHostThatCannotBeUsedIsLeftOutWithTheReason(answer: String, reason: String) throws {
      let answer = "if [ $host = two ]; then \(answer); fi"
      let (outcome, calls) = try launch(
        ["exit 0"], options: ["-n", "5", "--min-ranks", "3"] + hosts(answer: answer))
      #expect(outcome.status == 0)
      #expect(outcome.errors.contains("warning: host two \(reason)"), "\(outcome.errors)")
      #expect(calls.first?.contains("-n 3 ") == true)
      #expect(calls.first?.contains("--host one:2,three:1 ") == true)
    }

    /// All ranks are wanted where nobody says how few may do.
    @Test(arguments: [[], ["--min-ranks", "4"]])
    func tooFewHostsEndTheRun(options: [String]) throws {
      let (outcome, calls) = try launch(
        ["exit 0"], options: ["-n", "5"] + options + hosts(answer: "[ $host != two ]"))
      #expect(outcome.status == 69)
      let needed = options.last ?? "5"
      #expect(
        outcome.errors.contains(
          "2 of 3 hosts can be used, with 3 slots, and the run needs \(needed)"))
      #expect(calls.isEmpty)
    }

    @Test(arguments: ["0", "-1", "65537", "9223372036854775807", "99999999999999999999", "x", ""])
    func impossibleSlotsAreRefused(slots: String) throws {
      try Data("a slots=1\nb slots=\(slots)\n".utf8)
        .write(to: URL(fileURLWithPath: scratch.path + "/hosts"))
      let (outcome, calls) = try launch(
        ["exit 0"], options: ["-n", "2", "--hostfile", scratch.path + "/hosts"])
      #expect(outcome.status == 65)
      #expect(outcome.errors.contains("line 2: 'slots=\(slots)' is no number of slots"))
      #expect(calls.isEmpty)
    }

    @Test func withoutSshThereIsAReason() throws {
      let options = try ["-n", "5"] + hosts(answer: "")
      try FileManager.default.removeItem(atPath: scratch.path + "/ssh")
      let (outcome, _) = try launch([], options: options, environment: ["PATH": scratch.path])
      #expect(outcome.status == 69)
      #expect(outcome.errors.contains("There is no ssh; install openssh-client."))
    }

    /// mpirun waits for a host that has vanished, and its connection to that host ends before
    /// anybody has looked.
    @Test func aHostThatVanishesDuringTheRunIsLeftOutOfTheNextStart() throws {
      let gone = scratch.path + "/gone"
      let answer = """
        if [ $host = connection ]; then touch \(gone); exit 255; fi
        [ $host != two ] || [ ! -e \(gone) ]
        """
      let (outcome, calls) = try launch(
        ["ssh connection x & sleep 600", "exit 0"],
        options: ["-n", "5", "--min-ranks", "3"] + hosts(answer: answer))
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.errors.contains("host two does not answer any more"))
      #expect(calls.count == 2)
      #expect(calls.last?.contains("--host one:2,three:1 ") == true)
    }

    // MARK: Signals

    private var ready: String { scratch.path + "/ready" }

    /// Launches an mpirun with one rank, which does `script` for its life, and waits until that has
    /// written the file ``ready``.
    private func startRank(_ script: String) throws -> Program {
      try writeProgram("rank", "#!/bin/sh\n" + script)
      let mpirun = """
        rank=; asked=
        trap 'asked=1; [ -z "$rank" ] || kill -USR1 $rank' USR1
        \(scratch.path)/rank & rank=$!
        [ -z "$asked" ] || kill -USR1 $rank
        wait $rank; wait $rank
        """
      let program = try start([mpirun], options: ["-n", "1"])
      #expect(program.wait { FileManager.default.fileExists(atPath: ready) })
      return program
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGHUP, SIGUSR1])
    func aSignalReachesTheRanksAsSIGUSR1(number: Int32) throws {
      let program = try startRank(
        "trap 'exit 75' USR1; touch \(ready); while :; do sleep 0.1; done")
      kill(program.id, number)
      #expect(try program.wait().status == 75)
    }

    @Test func aSecondInterruptDoesNotWait() throws {
      let asked = scratch.path + "/asked"
      let program = try startRank(
        "trap 'touch \(asked)' USR1; touch \(ready); while :; do sleep 0.1; done")
      kill(program.id, SIGINT)
      #expect(program.wait { FileManager.default.fileExists(atPath: asked) })
      kill(program.id, SIGINT)
      let outcome = try program.wait()
      #expect(outcome.status == 69)
      #expect(outcome.errors.contains("after the request to stop, without a checkpoint for it"))
    }

    /// A request that comes before the ranks listen, when it would kill them, waits.
    @Test func aStopWaitsForTheRanks() throws {
      let gate = scratch.path + "/gate"
      #expect(mkfifo(gate, 0o600) == 0)
      let program = try startRank(
        """
        touch \(ready); read line <\(gate)
        trap 'exit 75' USR1; while :; do sleep 0.1; done
        """)
      kill(program.id, SIGTERM)
      usleep(500_000)
      try Data("go\n".utf8).write(to: URL(fileURLWithPath: gate))
      #expect(try program.wait().status == 75)
    }

    @Test func aDefectAfterARequestToStopIsNoStop() throws {
      let program = try startRank(
        "trap 'exit 70' USR1; touch \(ready); while :; do sleep 0.1; done")
      kill(program.id, SIGTERM)
      let outcome = try program.wait()
      #expect(outcome.status == 70)
      #expect(outcome.errors.contains("Ended with status 70 after the request to stop"))
    }

    /// With the real mpirun: a stop, and the rest of the run.
    @Test func aRunThatWasStoppedGoesOn() throws {
      let words = try Workshop.train(
        output, epochs: 30, ["--threads", "1", "--checkpoint-every-steps", "1"])
      let stopped = try Workshop.interrupted(output) {
        let program = try Program([Program.tool, "launch", "-n", "3", "--"] + words.dropFirst())
        _ = program.wait { !Workshop.checkpoints(output).isEmpty }
        kill(program.id, SIGTERM)
        return try program.wait()
      }
      #expect(stopped.status == 75, "\(stopped.errors)")
      let resumed = try run(
        [Program.tool, "launch", "-n", "2", "--"] + words.dropFirst() + ["--resume", "auto"])
      #expect(resumed.status == 0, "\(resumed.errors)")
      #expect(try Workshop.model(output) == Workshop.model(Workshop.longest.get()))
    }

    /// With the real mpirun: the checkpoint of another run.
    @Test func aCheckpointOfOtherSettingsEndsAtOnce() throws {
      let file = try Workshop.whole.get() + "/checkpoints/epoch-0001.safetensors"
      let words = try Workshop.train(scratch.path + "/other", ["--resume", file, "--seed", "5"])
      let outcome = try run([Program.tool, "launch", "-n", "2", "--"] + words.dropFirst())
      #expect(outcome.status == 65)
      #expect(outcome.errors.contains("seed: 0 there, 5 here"))
      #expect(outcome.errors.contains("is not started again"))
      #expect(!outcome.errors.contains("; restart "))
    }
  }
}
