import Collectives

/// What the environment says about how this process was started.
package struct Launcher: Sendable, Equatable {
  /// The launcher's name, nil when the process was started by hand.
  package let name: String?
  /// How many processes it says it has started, where it says so.
  package let processes: Int?
  /// This process's number among those, where it says so.
  package let rank: Int?
  /// Its number among those of its host, where it says so.
  package let localRank: Int?
  /// Whether Open MPI has bound this process by its own rule, one or two ranks of a job to a core each,
  /// and nobody has said anything about binding. It tells its processes both.
  package let bindsUnasked: Bool

  /// Reads Open MPI's, PMI's and Slurm's variables from `environment`.
  package init(environment: [String: String]) {
    func number(_ names: String...) -> Int? {
      names.lazy.compactMap { environment[$0].flatMap(Int.init) }.first
    }
    if environment["OMPI_COMM_WORLD_SIZE"] != nil {
      name = "mpirun"
      processes = number("OMPI_COMM_WORLD_SIZE")
    } else if environment["SLURM_STEP_ID"] != nil, environment["SLURM_PROCID"] != nil {
      name = "srun"
      processes = number("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS")
    } else if environment["PMI_RANK"] != nil || environment["PMIX_RANK"] != nil {
      name = "a PMI launcher"
      processes = number("PMI_SIZE")
    } else {
      name = nil
      processes = nil
    }
    rank = number("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID")
    localRank = number("OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID")
    bindsUnasked =
      environment["OMPI_MCA_orte_bound_at_launch"] == "1"
      && !environment.contains { name, value in
        ["OMPI_MCA_hwloc_base_", "OMPI_MCA_orte_rankfile", "OMPI_MCA_rmaps_rank_file"].contains {
          name.hasPrefix($0)
        } || name == "OMPI_MCA_rmaps_base_mapping_policy" && value.uppercased().contains("PE=")
      }
  }

  /// Whether MPI has to be used at all.
  package var usesMPI: Bool { name != nil }

  /// Refuses the trap in which each of N processes believes to be alone, trains the whole set and
  /// overwrites the files of the others.
  func check(worldSize: Int) throws(CollectiveError) {
    guard let name, let processes, processes != worldSize else { return }
    throw .launch(
      "\(name) started \(processes) processes, but MPI sees \(worldSize): each would train alone. "
        + (name == "srun"
          ? "Start with `srun --mpi=pmix` (see `srun --mpi=list`), or with mpirun inside the job."
          : "Start with the mpirun of the MPI that avp-dist was built with (Open MPI 4)."))
  }
}
