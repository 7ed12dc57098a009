"""What scripts/bench-peers measures. See there.

    bench_peers.py run FOLDER TOOL ROUNDS TRAINING-ROUNDS   everything
    bench_peers.py engine NAME FOLDER                       one engine, driven over standard input
    bench_peers.py train VARIANT FOLDER DATA                one process of the PyTorch training
"""

import os
import subprocess
import sys
from pathlib import Path

from bench_engines import compare_backbones, prepare, prepare_int8, serve
from bench_figures import versions
from bench_memory import memory, start_up
from bench_training import compare_training, train


def main():
    mode, *words = sys.argv[1:]
    if mode == "run":
        folder, tool = Path(words[0]), os.path.realpath(words[1])
        prepare(folder)
        prepare_int8(folder)
        if not (folder / "data").exists():
            subprocess.run([tool, "demo-data", "--output", folder / "data", "--train", "64",
                            "--validation", "8"], check=True, stdout=subprocess.DEVNULL)
        versions()
        if int(words[2]) > 0:
            compare_backbones(folder, tool, int(words[2]))
        if int(words[3]) > 0:
            compare_training(folder, tool, int(words[3]))
        start_up(folder, tool)
        for precision in ("f32", "int8"):
            memory(folder, tool, precision)
    elif mode == "engine":
        serve(words[0], Path(words[1]))
    elif mode == "train":
        train(words[0], Path(words[1]), Path(words[2]))


if __name__ == "__main__":
    main()
