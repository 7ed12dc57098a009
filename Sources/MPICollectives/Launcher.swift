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
