"""What scripts/bench-peers measures. See there.

    bench_peers.py run FOLDER TOOL ROUNDS TRAINING-ROUNDS   everything
    bench_peers.py engine NAME FOLDER SECONDS               one engine, driven over standard input
    bench_peers.py train VARIANT FOLDER DATA                one process of the PyTorch training (torchrun)
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

BLOCKS, BASE, SIZE = (3, 4, 6, 3), 64, 224
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SECONDS = 2.0
# What glibc is told in PyTorch's best variants: keep freed memory instead of asking the system anew.
ALLOCATOR = {
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "268435456",
}


# The network


def model(folder):
    """ResNet-50 without its classifier."""
    import small_resnet
    from safetensors.torch import load_file

    network = small_resnet.torch_model(BLOCKS, BASE)
    network.load_state_dict(load_file(folder / "he.safetensors"), strict=False)
    return network.eval().requires_grad_(False)


def prepare(folder):
    """Full He-initialised weights, so that no branch is negligible, as safetensors and ONNX."""
    import small_resnet
    import torch
    from safetensors.torch import save_file

    if (folder / "he.onnx").exists():
        return
    network = small_resnet.torch_model(BLOCKS, BASE)
    generator = torch.Generator().manual_seed(0)
    for name, value in network.named_parameters():
        if value.ndim == 4:
            torch.nn.init.kaiming_normal_(value.data, mode="fan_in", generator=generator)
        elif name.endswith("bn3.weight"):
            value.data.fill_(0.5)  # keeps the sum along the shortcuts near one
    state = network.state_dict()
    save_file(
        {k: v.contiguous() for k, v in state.items() if not k.endswith("num_batches_tracked")},
        folder / "he.safetensors",
    )
    torch.onnx.export(
        network, (torch.zeros(1, 3, SIZE, SIZE),), folder / "unfinished.onnx", input_names=["pictures"],
        output_names=["features"], dynamic_axes={"pictures": {0: "n"}}, dynamo=False,
    )
    (folder / "unfinished.onnx").rename(folder / "he.onnx")


# The backbone on one core


def onnxruntime_engine(folder, batch):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        folder / "he.onnx", options, providers=["CPUExecutionProvider"]
    )
    return lambda pictures: session.run(None, {"pictures": pictures})


def openvino_engine(folder, batch):
    import openvino

    core = openvino.Core()
    network = core.read_model(folder / "he.onnx")
    network.reshape([batch, 3, SIZE, SIZE])
    options = {
        "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": False,
    }
    compiled = core.compile_model(network, "CPU", options)
    return lambda pictures: compiled(pictures)


def torch_engine(folder, batch, variant):
    import torch

    torch.set_num_threads(1)
    network = torch_variant(model(folder), variant, torch.zeros(batch, 3, SIZE, SIZE))

    def run(pictures):
        with torch.inference_mode():
            return network(torch.from_numpy(pictures))

    return run


def torch_variant(network, variant, example):
    """The frozen backbone as a function: as it is, as frozen TorchScript or compiled by inductor."""
    import torch

    if variant == "eager":
        return network
    network = network.to(memory_format=torch.channels_last)
    example = example.to(memory_format=torch.channels_last)
    if variant == "TorchScript":
        with torch.no_grad():
            traced = torch.jit.freeze(torch.jit.trace(network, example))
        network = torch.jit.optimize_for_inference(traced)
    else:
        import torch._inductor.config

        torch._inductor.config.freezing = True
        network = torch.compile(network)
    return lambda pictures: network(pictures.to(memory_format=torch.channels_last))


# Name, how it is made, pictures a call, environment.
ENGINES = {
    "onnxruntime, batch 1": (onnxruntime_engine, 1, {}),
    "onnxruntime, batch 8": (onnxruntime_engine, 8, {}),
    "OpenVINO, batch 1": (openvino_engine, 1, {}),
    "OpenVINO, batch 8": (openvino_engine, 8, {}),
    "PyTorch eager": (lambda f, b: torch_engine(f, b, "eager"), 8, {}),
    "PyTorch TorchScript, allocator tuned": (
        lambda f, b: torch_engine(f, b, "TorchScript"), 8, ALLOCATOR),
    "PyTorch inductor, allocator tuned": (lambda f, b: torch_engine(f, b, "inductor"), 8, ALLOCATOR),
}


def serve(name, folder):
    """Measures once for every line of input; prints pictures per second."""
    import numpy

    make, batch, _ = ENGINES[name]
    run = make(folder, batch)
    pictures = numpy.random.default_rng(0).standard_normal((batch, 3, SIZE, SIZE), dtype=numpy.float32)
    for _ in range(3):
        run(pictures)
    print("ready", flush=True)
    for _ in sys.stdin:
        count, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < SECONDS:
            run(pictures)
            count += batch
        print(count / (time.perf_counter() - begin), flush=True)


class Child:
    """An engine in a process of its own, on one core."""

    def __init__(self, name, folder, core):
        self.process = subprocess.Popen(
            ["taskset", "-c", core, sys.executable, __file__, "engine", name, folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **ENGINES[name][2]},
        )
        if self.process.stdout.readline() != "ready\n":
            raise SystemExit(f"{name} did not start; see: {' '.join(map(str, self.process.args))}")

    def measure(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def own_backbone(tool, folder, core):
    output = subprocess.run(
        ["taskset", "-c", core, tool, "bench", "--json", "--threads", "1", "--seconds", str(SECONDS),
         "--weights", folder / "he.safetensors"],
        check=True, capture_output=True, text=True,
    ).stdout
    return json.loads(output)


def compare_backbones(folder, tool, rounds):
    core = os.environ.get("AVP_CORE", "1")
    children = {}
    for name in ENGINES:
        children[name] = Child(name, folder, core)
    rates = {name: [] for name in ["avp-dist", *ENGINES]}
    shares = []
    own_backbone(tool, folder, core)
    for index in range(rounds):
        order = list(rates)
        order = order[index % len(order):] + order[:index % len(order)]
        for name in order:
            if name == "avp-dist":
                result = own_backbone(tool, folder, core)
                rates[name].append(result["backbone_images_per_second"])
                shares.append({
                    layer["name"]: layer["gflops"] / result["fma_peak_gflops"]
                    for layer in result["layers"] if layer["gflops"]
                })
            else:
                rates[name].append(children[name].measure())
        print(f"round {index + 1}/{rounds}", file=sys.stderr)
    for child in children.values():
        child.process.stdin.close()
        child.process.wait()
    print("\n### The frozen backbone, one core\n")
    table(rates, "pictures/s")
    print("\nShare of the measured multiply-add peak, median (range) of the rounds: " + ", ".join(
        f"{name} {spread([100 * share[name] for share in shares], '.0f')} %" for name in shares[0]))


# Training on two processes


def samples(data):
    classes = sorted(path.name for path in (data / "train").iterdir())
    return [(path, label) for label, name in enumerate(classes)
            for path in sorted((data / "train" / name).iterdir())]


def augmented(path, random):
    """Resizing, then shear, zoom and flip by Pillow with the ranges and filters of torchvision's transforms."""
    import math

    import numpy
    import torch
    from PIL import Image

    with Image.open(path) as opened:
        picture = opened.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    zoom, shear = random.uniform(0.8, 1.2), math.radians(random.uniform(-10, 10))
    centre = SIZE / 2
    a, b = 1 / zoom, math.tan(shear) / zoom
    picture = picture.transform(
        picture.size, Image.Transform.AFFINE, (a, b, (1 - a - b) * centre, 0, a, (1 - a) * centre),
        Image.Resampling.NEAREST)
    if random.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pixels = numpy.asarray(picture, numpy.float32) / 255
    pixels = (pixels - numpy.float32(MEAN)) / numpy.float32(DEVIATION)
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def train(variant, folder, data):
    """The article's training loop under DistributedDataParallel; prints pictures per second."""
    import random

    import torch
    from torch import distributed, nn
    from torch.utils.data import DataLoader, Dataset, DistributedSampler

    class Pictures(Dataset):
        def __init__(self):
            self.samples = samples(data)
            self.random = random.Random(0)

        def __len__(self):
            return len(self.samples)

        def __getitem__(self, index):
            path, label = self.samples[index]
            return augmented(path, self.random), label

    distributed.init_process_group("gloo")
    pictures = Pictures()
    sampler = DistributedSampler(pictures)
    loader = DataLoader(pictures, batch_size=16, sampler=sampler)
    head = nn.Sequential(nn.Linear(2048, 128), nn.ReLU(inplace=True), nn.Linear(128, 2))
    backbone = model(folder)
    if variant == "eager":
        # As in the article: the head is a part of the network, whose other parameters are frozen.
        network = nn.parallel.DistributedDataParallel(nn.Sequential(backbone, head))
    else:
        features = torch_variant(backbone, variant, torch.zeros(16, 3, SIZE, SIZE))
        trained = nn.parallel.DistributedDataParallel(head)

        def network(inputs):
            with torch.no_grad():
                outputs = features(inputs)
            return trained(outputs.clone())

    optimiser = torch.optim.Adam(head.parameters())
    criterion = nn.CrossEntropyLoss()
    for epoch in range(3):
        if epoch == 1:
            distributed.barrier()
            begin = time.perf_counter()
        sampler.set_epoch(epoch)
        for inputs, labels in loader:
            optimiser.zero_grad()
            loss = criterion(network(inputs), labels)
            loss.backward()
            optimiser.step()
            loss.item()
    distributed.barrier()
    if distributed.get_rank() == 0:
        print(2 * len(pictures) / (time.perf_counter() - begin), flush=True)
    distributed.destroy_process_group()


def peer_training(variant, environment, folder, data):
    output = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         __file__, "train", variant, folder, data],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    ).stdout
    return float(output.split()[-1])


def own_training(tool, ranks, folder, data):
    """Epochs 2 and 3 of 4: the first computes the validation features, the last has no successor whose
    pictures are computed ahead."""
    output = folder / "run"
    shutil.rmtree(output, ignore_errors=True)
    command = [tool, "train", "--data", data, "--weights", folder / "he.safetensors", "--epochs", "4",
               "--threads", "1", "--output", output]
    if ranks > 1:
        command = [tool, "launch", "-n", str(ranks), "--", *command[1:]]
    else:
        command = ["taskset", "-c", "0", *command]
    subprocess.run(command, check=True, capture_output=True)
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    epochs = [line for line in lines if line["event"] == "epoch"][1:3]
    return 2 * len(samples(data)) / sum(line["seconds"] for line in epochs)


def compare_training(folder, tool, rounds):
    data = folder / "data"
    variants = {
        "avp-dist, 2 ranks": lambda: own_training(tool, 2, folder, data),
        "avp-dist, 1 rank on 1 core": lambda: own_training(tool, 1, folder, data),
        "PyTorch DDP, eager": lambda: peer_training("eager", {}, folder, data),
        "PyTorch DDP, eager, allocator tuned": lambda: peer_training("eager", ALLOCATOR, folder, data),
        "PyTorch DDP, TorchScript, allocator tuned":
            lambda: peer_training("TorchScript", ALLOCATOR, folder, data),
        "PyTorch DDP, inductor, allocator tuned":
            lambda: peer_training("inductor", ALLOCATOR, folder, data),
    }
    rates = {name: [] for name in variants}
    for index in range(rounds):
        for name, measure in variants.items():
            rates[name].append(measure())
        print(f"training round {index + 1}/{rounds}", file=sys.stderr)
    print("\n### Training, two processes on two cores\n")
    table(rates, "pictures/s")


# Start-up and memory


def start_up(folder, tool):
    """The whole command for the features of one picture, its weights packed before."""
    picture = samples(folder / "data")[0][0]
    times = []
    for _ in range(10):
        begin = time.perf_counter()
        subprocess.run([tool, "features", "--weights", folder / "he.safetensors", picture, "--output",
                        folder / "features.safetensors"], check=True, capture_output=True)
        times.append(time.perf_counter() - begin)
    print(f"\nFeatures of one picture, the whole command with packed weights: {spread(times[1:], '.2f')} s.")


def memory(folder, tool):
    """Resident memory of two ranks while they train, and how much of their packed weights is shared."""
    output = folder / "run"
    shutil.rmtree(output, ignore_errors=True)
    run = subprocess.Popen(
        [tool, "launch", "-n", "2", "--", "train", "--data", folder / "data", "--weights",
         folder / "he.safetensors", "--epochs", "100", "--threads", "1", "--output", output],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # With the second epoch's checkpoint everything has been in use once.
    while run.poll() is None and not (output / "checkpoints/epoch-0002.safetensors").exists():
        time.sleep(0.1)
    print("\n| rank | resident | most so far | packed weights: mapped | resident | proportional share |")
    print("|---|---|---|---|---|---|")
    for rank, process in enumerate(ranks_of(tool)):
        status = fields(Path(f"/proc/{process}/status").read_text().splitlines())
        mapped = fields(packed_mapping(process))
        figures = [status["VmRSS"], status["VmHWM"], mapped["Size"], mapped["Rss"], mapped["Pss"]]
        print(f"| {rank} | " + " | ".join(f"{figure / 1024:.0f} MiB" for figure in figures) + " |")
    run.terminate()
    run.wait()


def ranks_of(tool):
    """Processes of the tool that mpirun started."""
    for process in sorted(int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()):
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


# Figures


def spread(values, form):
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def table(rates, unit):
    """The first row is what the others are compared with, round by round."""
    own = next(iter(rates.values()))
    print(f"| | {unit}, median (range) | {next(iter(rates))} is so many times as fast, median (range) |")
    print("|---|---|---|")
    for name, values in rates.items():
        ratios = [a / b for a, b in zip(own, values)]
        print(f"| {name} | {spread(values, '.1f')} | {spread(ratios, '.2f')} |")


def versions():
    from importlib.metadata import version

    with open("/proc/cpuinfo") as file:
        processor = next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    names = ["torch", "onnxruntime", "openvino", "numpy", "pillow"]
    print(f"{time.strftime('%Y-%m-%d')}; {processor}, {os.cpu_count()} cores; Python "
          f"{platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in names))


def main():
    mode, *words = sys.argv[1:]
    if mode == "run":
        folder, tool = Path(words[0]), os.path.realpath(words[1])
        prepare(folder)
        if not (folder / "data").exists():
            subprocess.run([tool, "demo-data", "--output", folder / "data", "--train", "64",
                            "--validation", "8"], check=True, stdout=subprocess.DEVNULL)
        versions()
        if int(words[2]) > 0:
            compare_backbones(folder, tool, int(words[2]))
        if int(words[3]) > 0:
            compare_training(folder, tool, int(words[3]))
        start_up(folder, tool)
        memory(folder, tool)
    elif mode == "engine":
        serve(words[0], Path(words[1]))
    elif mode == "train":
        train(words[0], Path(words[1]), Path(words[2]))


main()
