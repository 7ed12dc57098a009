"""The ResNet-50 of scripts/bench-peers, and the engines that compute it on one core."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bench_figures import spread, table

ENTRY = Path(__file__).with_name("bench_peers.py")
BLOCKS, BASE, SIZE = (3, 4, 6, 3), 64, 224
SECONDS = 2.0
# What glibc is told in PyTorch's best variants: keep freed memory instead of asking the system
# anew.
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
    """He-initialised weights, the last scale of every block one half, as safetensors and ONNX.

    All branches count, and the sum along the shortcuts neither grows nor fades.
    """
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
            value.data.fill_(0.5)
    state = network.state_dict()
    save_file(
        {k: v.contiguous() for k, v in state.items() if not k.endswith("num_batches_tracked")},
        folder / "he.safetensors",
    )
    torch.onnx.export(
        network, (torch.zeros(1, 3, SIZE, SIZE),), folder / "unfinished.onnx",
        input_names=["pictures"], output_names=["features"],
        dynamic_axes={"pictures": {0: "n"}}, dynamo=False,
    )
    (folder / "unfinished.onnx").rename(folder / "he.onnx")


def prepare_int8(folder):
    """The same network in int8 as each engine's own tool makes it, from 32 images of noise."""
    import numpy

    random = numpy.random.default_rng(1)
    images = [random.standard_normal((1, 3, SIZE, SIZE), dtype=numpy.float32) for _ in range(32)]
    if not (folder / "nncf.xml").exists():
        import nncf
        import openvino

        network = openvino.Core().read_model(folder / "he.onnx")
        network.reshape([-1, 3, SIZE, SIZE])
        openvino.save_model(nncf.quantize(network, nncf.Dataset(images)), folder / "nncf.xml")
    if not (folder / "qdq.onnx").exists():
        from onnxruntime import quantization
        from onnxruntime.quantization.shape_inference import quant_pre_process

        class Reader(quantization.CalibrationDataReader):
            rest = iter(images)

            def get_next(self):
                image = next(self.rest, None)
                return None if image is None else {"pictures": image}

        quant_pre_process(folder / "he.onnx", folder / "folded.onnx")
        quantization.quantize_static(
            folder / "folded.onnx", folder / "unfinished.onnx", Reader(), per_channel=True,
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8)
        (folder / "unfinished.onnx").rename(folder / "qdq.onnx")


# The engines


def onnxruntime_engine(folder, file="he.onnx"):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        folder / file, options, providers=["CPUExecutionProvider"]
    )
    return lambda images: session.run(None, {"pictures": images})


def openvino_engine(folder, batch, file="he.onnx", precision="f32"):
    import openvino

    core = openvino.Core()
    network = core.read_model(folder / file)
    network.reshape([batch, 3, SIZE, SIZE])
    options = {
        "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": precision,
        "ENABLE_CPU_PINNING": False,
    }
    compiled = core.compile_model(network, "CPU", options)
    return lambda images: compiled(images)


def torch_engine(folder, batch, variant):
    import torch

    torch.set_num_threads(1)
    network = torch_variant(model(folder), variant, torch.zeros(batch, 3, SIZE, SIZE))

    def run(images):
        with torch.inference_mode():
            return network(torch.from_numpy(images))

    return run


def torch_variant(network, variant, example):
    """The frozen backbone as a function: as it is, as frozen TorchScript, or compiled by inductor
    in 32 or 16 bits.

    `example` is what it is traced with.
    """
    import torch

    if variant == "eager":
        return network
    network = network.to(memory_format=torch.channels_last)
    example = example.to(memory_format=torch.channels_last)
    if variant == "inductor bf16":
        network = torch_variant(network.to(torch.bfloat16), "inductor", example)
        return lambda images: network(images.to(torch.bfloat16)).float()
    if variant == "TorchScript":
        with torch.no_grad():
            traced = torch.jit.freeze(torch.jit.trace(network, example))
        network = torch.jit.optimize_for_inference(traced)
    else:
        import torch._inductor.config

        torch._inductor.config.freezing = True
        network = torch.compile(network)
    return lambda images: network(images.to(memory_format=torch.channels_last))


# Name, how it is made, images a call, environment.
FLOATS = {
    "onnxruntime, batch 1": (lambda folder, _: onnxruntime_engine(folder), 1, {}),
    "onnxruntime, batch 8": (lambda folder, _: onnxruntime_engine(folder), 8, {}),
    "OpenVINO, batch 1": (openvino_engine, 1, {}),
    "OpenVINO, batch 8": (openvino_engine, 8, {}),
    "PyTorch eager": (lambda f, b: torch_engine(f, b, "eager"), 8, {}),
    "PyTorch TorchScript, allocator tuned": (
        lambda f, b: torch_engine(f, b, "TorchScript"), 8, ALLOCATOR),
    "PyTorch inductor, allocator tuned": (
        lambda f, b: torch_engine(f, b, "inductor"), 8, ALLOCATOR),
}
REDUCED = {
    "OpenVINO int8, batch 1": (lambda f, b: openvino_engine(f, b, "nncf.xml"), 1, {}),
    "OpenVINO int8, batch 8": (lambda f, b: openvino_engine(f, b, "nncf.xml"), 8, {}),
    "OpenVINO bf16, batch 8": (lambda f, b: openvino_engine(f, b, precision="bf16"), 8, {}),
    "onnxruntime int8, batch 8": (lambda f, _: onnxruntime_engine(f, "qdq.onnx"), 8, {}),
    "PyTorch inductor bf16, allocator tuned": (
        lambda f, b: torch_engine(f, b, "inductor bf16"), 8, ALLOCATOR),
}
ENGINES = FLOATS | REDUCED
OWN = {"avp-dist": "f32", "avp-dist int8": "int8"}


def serve(name, folder):
    """Measures once for every line of input; prints images per second."""
    import numpy

    make, batch, _ = ENGINES[name]
    run = make(folder, batch)
    random = numpy.random.default_rng(0)
    images = random.standard_normal((batch, 3, SIZE, SIZE), dtype=numpy.float32)
    for _ in range(3):
        run(images)
    print("ready", flush=True)
    for _ in sys.stdin:
        count, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < SECONDS:
            run(images)
            count += batch
        print(count / (time.perf_counter() - begin), flush=True)


class Child:
    """An engine in a process of its own, on one core; it ends with the `with` block."""

    def __init__(self, name, folder, core):
        self.process = subprocess.Popen(
            ["taskset", "-c", core, sys.executable, ENTRY, "engine", name, folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **ENGINES[name][2]},
        )
        self.name = name

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def wait_until_ready(self):
        if self.process.stdout.readline() != "ready\n":
            command = " ".join(map(str, self.process.args))
            raise SystemExit(f"{self.name} did not start; see: {command}")

    def measure(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended while it was measured")
        return float(line)


def own_backbone(tool, folder, core, precision):
    output = subprocess.run(
        ["taskset", "-c", core, tool, "bench", "--json", "--threads", "1", "--seconds",
         str(SECONDS), "--weights", folder / "he.safetensors", "--precision", precision],
        check=True, capture_output=True, text=True,
    ).stdout
    return json.loads(output)


def compare_backbones(folder, tool, rounds):
    """All engines in turn, each round in another order."""
    core = os.environ.get("AVP_CORE", "1")
    rates = {name: [] for name in [*OWN, *ENGINES]}
    shares = {name: [] for name in OWN}
    with contextlib.ExitStack() as stack:
        children = {}
        for name in ENGINES:
            children[name] = stack.enter_context(Child(name, folder, core))
            children[name].wait_until_ready()
        for precision in OWN.values():
            own_backbone(tool, folder, core, precision)
        for index in range(rounds):
            order = list(rates)
            order = order[index % len(order):] + order[:index % len(order)]
            for name in order:
                if name in OWN:
                    result = own_backbone(tool, folder, core, OWN[name])
                    rates[name].append(result["backbone_images_per_second"])
                    shares[name].append({
                        layer["name"]: layer["share_of_peak"]
                        for layer in result["layers"] if "share_of_peak" in layer
                    })
                else:
                    rates[name].append(children[name].measure())
            print(f"round {index + 1}/{rounds}", file=sys.stderr)
    print("\n### The frozen backbone, one core\n")
    table({name: rates[name] for name in ["avp-dist", *FLOATS]}, "images/s")
    print("\n### The same with less precision\n")
    table({name: rates[name] for name in ["avp-dist int8", "avp-dist", *REDUCED]}, "images/s")
    for name, rounds in shares.items():
        print(f"\n{name}, share of the measured peak, median (range): " + ", ".join(
            f"{layer} {spread([100 * share[layer] for share in rounds], '.0f')} %"
            for layer in rounds[0]))
