"""The training step of scripts/bench-peers: avp-dist and PyTorch on two processes."""

import json
import os
import shutil
import subprocess
import sys
import time

from bench_engines import ALLOCATOR, ENTRY, SIZE, model, torch_variant
from bench_figures import table

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def samples(data):
    classes = sorted(path.name for path in (data / "train").iterdir())
    return [(path, label) for label, name in enumerate(classes)
            for path in sorted((data / "train" / name).iterdir())]


def augmented(path, random):
    """Resizing, then shear, zoom and flip by Pillow, as the preset `pytorch` has them.

    Bilinear resizing, one affine map with nearest sampling and black outside.
    """
    import math

    import numpy
    import torch
    from PIL import Image

    with Image.open(path) as opened:
        image = opened.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    zoom, shear = random.uniform(0.8, 1.2), math.radians(random.uniform(-10, 10))
    centre = SIZE / 2
    a, b = 1 / zoom, math.tan(shear) / zoom
    image = image.transform(
        image.size, Image.Transform.AFFINE, (a, b, (1 - a - b) * centre, 0, a, (1 - a) * centre),
        Image.Resampling.NEAREST)
    if random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pixels = numpy.asarray(image, numpy.float32) / 255
    pixels = (pixels - numpy.float32(MEAN)) / numpy.float32(DEVIATION)
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def train(variant, folder, data):
    """The article's training loop under DistributedDataParallel; prints images per second."""
    import random

    import torch
    from torch import distributed, nn
    from torch.utils.data import DataLoader, Dataset, DistributedSampler

    class Images(Dataset):
        def __init__(self):
            self.samples = samples(data)
            self.random = random.Random(0)

        def __len__(self):
            return len(self.samples)

        def __getitem__(self, index):
            path, label = self.samples[index]
            return augmented(path, self.random), label

    distributed.init_process_group("gloo")
    images = Images()
    sampler = DistributedSampler(images)
    loader = DataLoader(images, batch_size=16, sampler=sampler)
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

    optimizer = torch.optim.Adam(head.parameters())
    criterion = nn.CrossEntropyLoss()
    for epoch in range(3):
        if epoch == 1:
            distributed.barrier()
            begin = time.perf_counter()
        sampler.set_epoch(epoch)
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = criterion(network(inputs), labels)
            loss.backward()
            optimizer.step()
            loss.item()
    distributed.barrier()
    if distributed.get_rank() == 0:
        print(2 * len(images) / (time.perf_counter() - begin), flush=True)
    distributed.destroy_process_group()


def peer_training(variant, environment, folder, data):
    output = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         ENTRY, "train", variant, folder, data],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    ).stdout
    return float(output.split()[-1])


def own_training(tool, ranks, folder, data, precision="f32"):
    """Images per second in epochs 2 and 3 of 4.

    The first computes the validation features, the last has no successor whose images are
    computed ahead.
    """
    output = folder / "run"
    shutil.rmtree(output, ignore_errors=True)
    command = [tool, "train", "--data", data, "--weights", folder / "he.safetensors",
               "--epochs", "4", "--threads", "1", "--output", output, "--precision", precision]
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
        "avp-dist int8, 2 ranks": lambda: own_training(tool, 2, folder, data, "int8"),
        "PyTorch DDP, eager": lambda: peer_training("eager", {}, folder, data),
        "PyTorch DDP, eager, allocator tuned":
            lambda: peer_training("eager", ALLOCATOR, folder, data),
        "PyTorch DDP, TorchScript, allocator tuned":
            lambda: peer_training("TorchScript", ALLOCATOR, folder, data),
        "PyTorch DDP, inductor, allocator tuned":
            lambda: peer_training("inductor", ALLOCATOR, folder, data),
        "PyTorch DDP, inductor bf16, allocator tuned":
            lambda: peer_training("inductor bf16", ALLOCATOR, folder, data),
    }
    rates = {name: [] for name in variants}
    for index in range(rounds):
        for name, measure in variants.items():
            rates[name].append(measure())
        print(f"training round {index + 1}/{rounds}", file=sys.stderr)
    print("\n### Training, two processes on two cores\n")
    table({name: values for name, values in rates.items() if "int8" not in name}, "images/s")
    print()
    own = ["avp-dist int8, 2 ranks", "avp-dist, 2 ranks"]
    table({name: rates[name] for name in own + [n for n in rates if n.startswith("PyTorch")]},
          "images/s")
