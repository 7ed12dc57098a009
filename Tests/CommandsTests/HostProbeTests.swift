import Diagnosis
import Testing

@testable import Commands

/// What `doctor` reads off texts of the system.
@Suite struct HostProbeTests {
  @Test func addressesWithoutThoseOfTheLoop() {
    let trie = """
      Main:
        +-- 0.0.0.0/0 3 0 5
           |-- 0.0.0.0
              /0 universe UNICAST
      Local:
        +-- 0.0.0.0/0 3 0 5
           |-- 10.0.0.0
              /24 link UNICAST
           |-- 10.0.0.7
              /32 host LOCAL
           |-- 10.0.0.255
              /32 link BROADCAST
           |-- 127.0.0.1
              /32 host LOCAL
           |-- 192.168.4.9
              /32 host LOCAL
      """
    let routes = """
      Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
      eth0	00000000	0100000A	0003	0	0	0	00000000	0	0	0
      eth0	0000000A	00000000	0001	0	0	0	00FFFFFF	0	0	0
      """
    #expect(
      networkAddresses(trie: trie, routes: routes) == [
        Address(interface: "eth0", address: "10.0.0.7"),
        Address(interface: "?", address: "192.168.4.9"),
      ])
    #expect(networkAddresses(trie: "", routes: "").isEmpty)
    #expect(networkAddresses(trie: "|-- x\n/32 host LOCAL", routes: "a\nb c").count == 1)
  }

  @Test func carriersOfTheLayerThatWasChosen() {
    let folder = "7f00-7f01 r-xp 0 08:01 1 /usr/lib/openmpi3/mca_"
    func maps(_ names: String...) -> String {
      names.map { "\(folder)\($0).so\n" }.joined()
    }
    let shared = ["btl_self", "btl_tcp", "mtl_psm"].map { maps($0) }.joined()
    #expect(messageCarriers(maps: maps("pml_ob1", "pml_ob1") + shared) == ["ob1", "tcp"])
    #expect(messageCarriers(maps: maps("pml_cm") + shared) == ["cm", "psm"])
    #expect(messageCarriers(maps: maps("pml_ucx") + shared) == ["ucx"])
    #expect(messageCarriers(maps: "nothing").isEmpty)
  }

  @Test func numbersOfMemoryAndLimits() {
    let memory = "MemTotal:       16316412 kB\nMemAvailable:\t 100 kB\nBroken: x kB\n"
    #expect(bytes("MemTotal", in: memory) == 16_316_412 * 1024)
    #expect(bytes("MemAvailable", in: memory) == 102_400)
    #expect(bytes("Broken", in: memory) == 0)
    #expect(bytes("SwapTotal", in: memory) == 0)
    let limits = """
      Limit                     Soft Limit           Hard Limit           Units
      Max processes             unlimited            unlimited            processes
      Max open files            1024                 524288               files
      """
    #expect(limit("Max open files", in: limits) == 1024)
    #expect(limit("Max processes", in: limits) == nil)
    #expect(limit("Max nothing", in: limits) == nil)
  }
}
