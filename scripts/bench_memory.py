"""Start-up and memory of avp-dist for scripts/bench-peers."""

import os
import shutil
import subprocess
import time
from pathlib import Path

from bench_figures import spread
from bench_training import samples


def start_up(folder, tool):
    """The whole command for the features of one image, its weights packed before."""
    image = samples(folder / "data")[0][0]
    scales = folder / "scales.json"
    subprocess.run(
        [tool, "calibrate", "--data", folder / "data", "--weights", folder / "he.safetensors",
         "--output", scales], check=True, capture_output=True)
    for precision, words in {"f32": [], "int8": ["--calibration", scales]}.items():
        times = []
        for _ in range(10):
            begin = time.perf_counter()
            subprocess.run(
                [tool, "features", "--weights", folder / "he.safetensors", image, "--output",
                 folder / "features.safetensors", "--precision", precision, *words],
                check=True, capture_output=True)
            times.append(time.perf_counter() - begin)
        print(f"\nFeatures of one image in {precision}, the whole command with packed weights: "
              f"{spread(times[1:], '.2f')} s.")


def memory(folder, tool, precision):
    """Resident memory of two ranks that train, and how much of their packed weights is shared."""
    output = folder / "run"
    shutil.rmtree(output, ignore_errors=True)
    run = subprocess.Popen(
        [tool, "launch", "-n", "2", "--", "train", "--data", folder / "data", "--weights",
         folder / "he.safetensors", "--epochs", "100", "--threads", "1", "--output", output,
         "--precision", precision],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        # With the second epoch's checkpoint everything has been in use once.
        while not (output / "checkpoints/epoch-0002.safetensors").exists():
            if run.poll() is not None:
                raise SystemExit(f"the run ended with status {run.returncode} before its second "
                                 f"epoch; see: {' '.join(map(str, run.args))}")
            time.sleep(0.1)
        rows = [memory_row(rank, process) for rank, process in enumerate(ranks_of(tool))]
    finally:
        run.terminate()
        run.wait()
    if len(rows) != 2:
        raise SystemExit(f"{len(rows)} ranks were found instead of 2")
    print(f"\n{precision}:")
    print("\n| rank | resident | most so far | packed weights: mapped | resident "
          "| proportional share |")
    print("|---|---|---|---|---|---|")
    print("\n".join(rows))


def memory_row(rank, process):
    status = fields(Path(f"/proc/{process}/status").read_text().splitlines())
    mapped = fields(packed_mapping(process))
    figures = [status["VmRSS"], status["VmHWM"], mapped["Size"], mapped["Rss"], mapped["Pss"]]
    return f"| {rank} | " + " | ".join(f"{figure / 1024:.0f} MiB" for figure in figures) + " |"


def ranks_of(tool):
    """Processes of the tool that mpirun started."""
    processes = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    for process in sorted(processes):
        try:
            variables = Path(f"/proc/{process}/environ").read_bytes()
            if b"OMPI_COMM_WORLD_RANK" in variables and os.readlink(f"/proc/{process}/exe") == tool:
                yield process
        except OSError:
            continue


def packed_mapping(process):
    """The lines of /proc/PID/smaps on the packed weights."""
    lines, inside = [], False
    for line in Path(f"/proc/{process}/smaps").read_text().splitlines():
        if "-" in line.split(" ", 1)[0] and not line.split(" ", 1)[0].endswith(":"):
            inside = "/packed/" in line
        if inside:
            lines.append(line)
    return lines


def fields(lines):
    """Sums of the kilobytes behind each name."""
    sums = {}
    for line in lines:
        words = line.split()
        if len(words) == 3 and words[2] == "kB":
            sums[words[0].rstrip(":")] = sums.get(words[0].rstrip(":"), 0) + int(words[1])
    return sums
