import Testing

@testable import MPICollectives

/// What the environment says about who started a process.
@Suite struct LauncherTests {
  @Test func byHandThereIsNone() {
    let launcher = Launcher(environment: ["SLURM_NTASKS": "4", "SLURM_JOB_ID": "7"])
    #expect(!launcher.usesMPI && launcher.processes == nil && launcher.rank == nil)
  }

  /// A step may have fewer tasks than the job that it belongs to.
  @Test func aStepOfSlurmHasItsOwnTasks() {
    var environment = ["SLURM_STEP_ID": "0", "SLURM_PROCID": "1", "SLURM_NTASKS": "8"]
    #expect(Launcher(environment: environment).processes == 8)
    environment["SLURM_STEP_NUM_TASKS"] = "2"
    let launcher = Launcher(environment: environment)
    #expect(launcher.name == "srun" && launcher.processes == 2 && launcher.rank == 1)
  }

  /// As where `mpirun` is started inside a job.
  @Test func mpirunGoesBeforeSlurm() {
    let launcher = Launcher(environment: [
      "OMPI_COMM_WORLD_SIZE": "3", "OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_LOCAL_RANK": "0",
      "SLURM_STEP_ID": "0", "SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2",
    ])
    #expect(launcher.name == "mpirun" && launcher.processes == 3)
    #expect(launcher.rank == 2 && launcher.localRank == 0)
  }

  @Test func bindingsThatSomebodyAskedForAreKnown() {
    let bound = ["OMPI_MCA_orte_bound_at_launch": "1"]
    func isUnasked(_ more: [String: String] = [:]) -> Bool {
      Launcher(environment: bound.merging(more) { $1 }).bindsUnasked
    }
    #expect(!Launcher(environment: [:]).bindsUnasked)
    #expect(isUnasked())
    #expect(isUnasked(["OMPI_MCA_rmaps_base_mapping_policy": "ppr:1:node"]))
    #expect(!isUnasked(["OMPI_MCA_rmaps_base_mapping_policy": "ppr:1:node:PE=4"]))
    #expect(!isUnasked(["OMPI_MCA_hwloc_base_binding_policy": "core"]))
    #expect(!isUnasked(["OMPI_MCA_hwloc_base_cpu_list": "0,1"]))
    #expect(!isUnasked(["OMPI_MCA_orte_rankfile": "ranks"]))
  }
}
