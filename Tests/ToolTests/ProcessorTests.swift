import Foundation
import Launching
import Settings
import Testing

@testable import Commands

/// What the tool reads off the machine and the environment, from texts instead of files.
@Suite struct ProcessorTests {
  private func limit(_ groups: String, _ files: [String: String]) -> Int? {
    ControlGroups(groups: groups) { files[$0] }.processors
  }

  private func memory(_ groups: String, _ files: [String: String]) -> Int? {
    ControlGroups(groups: groups) { files[$0] }.memory
  }

  @Test func theSmallestLimitOfMemoryCounts() {
    #expect(memory("", [:]) == nil)
    for text in ["max\n", "", "garbage", "-1\n"] {
      #expect(memory("0::/", ["/sys/fs/cgroup/memory.max": text]) == nil)
    }
    let files = [
      "/sys/fs/cgroup/a/b/memory.max": "max\n", "/sys/fs/cgroup/a/memory.max": "1073741824\n",
      "/sys/fs/cgroup/memory.max": "2147483648\n", "/sys/fs/cgroup/memory/c/memory.max": "1\n",
      "/sys/fs/cgroup/memory/c/memory.limit_in_bytes": "536870912\n",
    ]
    #expect(memory("0::/a/b\n", files) == 1 << 30)
    #expect(memory("0::/\n", files) == 2 << 30)
    #expect(memory("5:memory:/c\n4:cpu:/a\n", files) == 512 << 20)
  }

  @Test func noGroupAndNoLimitAreNoLimit() {
    #expect(limit("", [:]) == nil)
    #expect(limit("nonsense\n::\n0:", [:]) == nil)
    #expect(limit("0::/", ["/sys/fs/cgroup/cpu.max": "max 100000\n"]) == nil)
    #expect(limit("0::/", ["/sys/fs/cgroup/cpu.max": "garbage"]) == nil)
    for text in ["100000 0", "inf inf", "nan 1", "1 nan"] {
      #expect(limit("0::/", ["/sys/fs/cgroup/cpu.max": text]) == nil)
    }
  }

  /// `systemd-run -p CPUQuota=300%` and a slice above it: the smallest limit counts.
  @Test func theSmallestLimitOnTheWayUpCounts() {
    let files = [
      "/sys/fs/cgroup/user.slice/run.scope/cpu.max": "300000 100000\n",
      "/sys/fs/cgroup/user.slice/cpu.max": "max 100000\n",
      "/sys/fs/cgroup/cpu.max": "600000 100000\n",
    ]
    #expect(limit("0::/user.slice/run.scope\n", files) == 3)
    #expect(limit("0::/user.slice/other.scope\n", files) == 6)
    #expect(limit("0::/\n", files) == 6)
  }

  @Test func partsOfAProcessorAreRoundedDownToOneAtLeast() {
    #expect(limit("0::/", ["/sys/fs/cgroup/cpu.max": "250000 100000"]) == 2)
    #expect(limit("0::/", ["/sys/fs/cgroup/cpu.max": "50000 100000"]) == 1)
    #expect(limit("0::/", ["/sys/fs/cgroup/cpu.max": "9000000000000000000 1"]) == 1_000_000)
  }

  @Test func versionOneIsUnderstood() {
    let groups = "5:memory:/job\n4:cpu,cpuacct:/job/step\n0::/\n"
    let own = "/sys/fs/cgroup/cpu,cpuacct/job/step/cpu.cfs_"
    let top = "/sys/fs/cgroup/cpu/cpu.cfs_"
    var files = ["\(own)quota_us": "200000\n", "\(own)period_us": "100000\n"]
    #expect(limit(groups, files) == 2)
    files["\(own)quota_us"] = "-1\n"
    #expect(limit(groups, files) == nil)
    // As a container sees it: the group has the host's name, the files are at the top.
    files["\(top)quota_us"] = "400000\n"
    files["\(top)period_us"] = "100000\n"
    #expect(limit(groups, files) == 4)
  }

  @Test func theMaskIsTakenFromTheStatus() {
    let status = "Name:\tx\nCpus_allowed:\tff,0000000f\nCpus_allowed_list:\t0-3,32-39\n"
    #expect(Processors.affinityMask(status: status, processors: 2) == "ff0000000f")
    #expect(Processors.processors(inMask: "ff0000000f") == Set(Array(0..<4) + Array(32..<40)))
    #expect(Processors.affinityMask(status: "", processors: 5) == "1f")
    #expect(Processors.affinityMask(status: "Cpus_allowed:\n", processors: 100).count == 16)
  }

  @Test func whatMpirunBindsUnaskedIsWidenedWhereItLeavesProcessorsIdle() {
    func binding(_ mask: String, _ whole: String = "ff", host: String = "one") -> Processors.Binding
    {
      Processors.Binding(host: host, mask: mask, whole: whole)
    }
    func masks(_ bindings: Processors.Binding...) -> [String] {
      Processors.widened(bindings.map { Processors.Binding(bytes: $0.bytes) }).map(\.mask)
    }
    #expect(masks(binding("1")) == ["ff"])
    #expect(masks(binding("1"), binding("2")) == ["ff", "ff"])
    // A socket each: all are at work.
    #expect(masks(binding("0f"), binding("f0")) == ["0f", "f0"])
    #expect(masks(binding("0f"), binding("f0", host: "two")) == ["ff", "ff"])
    // Somebody has asked for it, or the starter may use no more itself.
    #expect(masks(binding("1", "")) == ["1"])
    #expect(masks(binding("1", "1")) == ["1"])
    #expect(masks(binding("1"), binding("2", "")) == ["1", "2"])
    #expect(masks(binding("1", "2")) == ["1"])
  }

  @Test func hyperThreadsOfACoreCountOnce() {
    // Processors 0 and 4, 1 and 5, ... are a core each, as many machines number them.
    let siblings = { (processor: Int) -> String? in "\(processor % 4),\(processor % 4 + 4)\n" }
    #expect(Processors.cores(inMask: "ff", siblings: siblings) == 4)
    #expect(Processors.cores(inMask: "0f", siblings: siblings) == 4)
    #expect(Processors.cores(inMask: "11", siblings: siblings) == 1)
    #expect(Processors.cores(inMask: "00,00000013", siblings: siblings) == 2)
    #expect(Processors.cores(inMask: "ff0000000f") { _ in nil } == 12)
    #expect(Processors.cores(inMask: "1f") { $0 < 2 ? "0-1" : nil } == 4)
  }

  @Test func noProcessorIsLeftOver() {
    for (processors, ranks) in [(8, 3), (8, 8), (7, 2), (2, 1)] {
      let shares = (0..<ranks).map { Processors.share(of: processors, among: ranks, index: $0) }
      #expect(shares.reduce(0, +) == processors)
      #expect(shares == shares.sorted(by: >))
      #expect((shares.max() ?? 0) - (shares.min() ?? 0) <= 1)
    }
    #expect((0..<4).map { Processors.share(of: 2, among: 4, index: $0) } == [1, 1, 1, 1])
  }
}

/// In which order places are looked at for a backbone, and where things are kept.
@Suite struct BackboneChoiceTests {
  private func resolved(
    _ word: String?, _ environment: [String: String], in folder: String
  ) throws -> BackboneChoice {
    try BackboneChoice.resolve(
      word.flatMap(BackboneChoice.init(written:)), environment: environment, folder: folder)
  }

  private func make(_ path: String) throws {
    try FileManager.default.createDirectory(
      at: URL(fileURLWithPath: path).deletingLastPathComponent(),
      withIntermediateDirectories: true)
    try Data().write(to: URL(fileURLWithPath: path))
  }

  @Test func wordsAreUnderstood() throws {
    #expect(BackboneChoice(written: "demo") == .demo)
    #expect(BackboneChoice(written: "random") == .random(seed: 0))
    #expect(BackboneChoice(written: "random:7") == .random(seed: 7))
    #expect(BackboneChoice(written: "a/random") == .file("a/random"))
    for word in ["random:", "random:x", "random:-1"] {
      #expect(BackboneChoice(written: word) == nil)
    }
  }

  @Test func theFirstPlaceThatHasOneIsTaken() throws {
    let scratch = try TemporaryFolder()
    let (here, home) = (scratch.path + "/here", scratch.path + "/home")
    let error = #expect(throws: Failure.self) { try resolved(nil, ["HOME": home], in: here) }
    #expect(error?.description.contains("\(home)/.cache/avp-dist/weights") == true)
    #expect(throws: Failure.self) { try resolved(nil, [:], in: here) }

    let fetched = home + "/.cache/avp-dist/weights/resnet50-v1.pth"
    try make(fetched + ".part")
    #expect(throws: Failure.self) { try resolved(nil, ["HOME": home], in: here) }
    try make(fetched)
    #expect(try resolved(nil, ["HOME": home], in: here) == .file(fetched))
    let local = here + "/weights/resnet50-b.h5"
    try make(local)
    #expect(try resolved(nil, ["HOME": home], in: here) == .file(local))
    try make(here + "/weights/resnet50-a.h5")
    #expect(
      try resolved(nil, ["HOME": home], in: here) == .file(here + "/weights/resnet50-a.h5"))
    let named = ["HOME": home, "AVP_WEIGHTS": "demo"]
    #expect(try resolved(nil, named, in: here) == .demo)
    #expect(try resolved("random:3", named, in: here) == .random(seed: 3))
  }

  @Test func onlyTheUsersOwnFoldersKeepThings() {
    let folder = BackboneChoice.cacheFolder
    #expect(folder(["HOME": "/h", "XDG_CACHE_HOME": "/x"]) == "/x/avp-dist")
    #expect(folder(["HOME": "/h", "XDG_CACHE_HOME": "relative"]) == "/h/.cache/avp-dist")
    #expect(folder(["HOME": "/h"]) == "/h/.cache/avp-dist")
    for environment in [[:], ["HOME": ""], ["HOME": "here"], ["XDG_CACHE_HOME": "x"]] {
      #expect(folder(environment) == nil)
    }
  }
}
