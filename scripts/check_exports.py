"""What test-exports does with the real libraries: `check_exports.py FOLDER TOOL`.

Everything goes through the command line of TOOL: files that Keras and PyTorch write are converted,
and models are trained on weights of several conventions, exported in all formats, and loaded by the
libraries, whose probabilities for images must be those of `predict`. FOLDER/models/*/ keeps what
check_exports.mjs needs.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy
import onnx
import onnxruntime
import small_resnet
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

TOLERANCE = 1e-4
BASE, HIDDEN, CLASSES, SIZE = 8, 16, 2, 224
WHOLE, TRUNK = (3, 4, 6, 3), (3, 4, 6)
ENDINGS = {"safetensors": "safetensors", "torch": "pth", "keras": "h5", "onnx": "onnx"}
TORCH_PIXELS = (1 / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
CAFFE_MEAN = [103.939, 116.779, 123.68]
CAFFE_TEXT = {
    "channel_order": "BGR", "mean": ",".join(map(str, CAFFE_MEAN)), "std": "1,1,1",
    "stride_in_1x1": "true"}


class Case:
    """Weights of one convention and how a head is trained on them."""

    def __init__(
        self, blocks=WHOLE, preset="pytorch", pixels="torch", layer=None, write=None,
        hidden=HIDDEN, **choices):
        self.hidden = hidden
        self.blocks, self.preset, self.pixels, self.layer = blocks, preset, pixels, layer
        self.write, self.choices = write, choices

    @property
    def used(self):
        """The blocks up to the feature layer."""
        return self.blocks[: int(self.layer[-1])] if self.layer else self.blocks

    def torch_model(self, blocks, has_head=True):
        head = (self.hidden, CLASSES) if has_head else None
        return small_resnet.torch_model(blocks, BASE, head, **self.choices)


def write_torch(tensors, place):
    torch.save({k: torch.from_numpy(v) for k, v in tensors.items()}, place / "weights.pth")
    return place / "weights.pth"


def write_caffe(tensors, place):
    text = CAFFE_TEXT | {"bn_eps": "1e-5", "maxpool": "kernel 3 stride 2 padding 0 ceil_mode true"}
    save_file(tensors, place / "weights.safetensors", text)
    return place / "weights.safetensors"


def write_keras_2016(tensors, place):
    text = CAFFE_TEXT | {"bn_eps": "1e-3", "maxpool": "kernel 3 stride 2 padding 0 ceil_mode false"}
    save_file(tensors, place / "weights.safetensors", text)
    return place / "weights.safetensors"


def write_keras(tensors, place):
    """A file of Keras itself, which names no conventions but has the layers' configuration."""
    model = small_resnet.keras_model(keras, WHOLE, BASE)
    for name, values in small_resnet.keras_arrays(tensors, 1).items():
        model.get_layer(small_resnet.keras_layer(name)[0]).set_weights(list(values.values()))
    model.save(place / "weights.h5")
    return place / "weights.h5"


CASES = {
    "torchvision": Case(write=write_torch),
    "torchvision-layer3": Case(write=write_torch, layer="layer3"),
    "caffe-layer3": Case(
        blocks=TRUNK, pixels="caffe", write=write_caffe, stride_first=True, pool="ceiling"),
    "keras": Case(
        preset="keras", pixels="caffe", write=write_keras, stride_first=True, epsilon=1.001e-5),
    "keras-2016": Case(
        preset="keras", pixels="caffe", write=write_keras_2016, stride_first=True, epsilon=1e-3,
        pool="unpadded"),
    "demo": Case(),
    "linear": Case(write=write_torch, hidden=0),
}


class Tool:
    """The command line, with its caches in a folder of the check."""

    def __init__(self, path, cache):
        self.path, self.cache = path, cache

    def __call__(self, *words):
        environment = os.environ | {"XDG_CACHE_HOME": str(self.cache)}
        result = subprocess.run(
            [self.path, *map(str, words)], env=environment, capture_output=True, text=True)
        if result.returncode:
            sys.exit(f"avp-dist {' '.join(map(str, words))}\n{result.stderr}")
        return result.stdout

    def predict(self, model, images):
        """Probabilities [n, classes] of the command line."""
        lines = self("predict", "--checkpoint", model, "--json", *images).splitlines()
        rows = [json.loads(line) for line in lines]
        return numpy.array(
            [[row["probabilities"][name] for name in row["classes"]] for row in rows])


def write_images(data, folder):
    """JPEG and PNG images of several sizes and modes, from drawn ones."""
    folder.mkdir()
    paths = sorted((data / "validation").glob("*/*.jpg"))
    drawn = [Image.open(path).convert("RGB") for path in paths]
    drawn[0].resize((640, 480), Image.Resampling.BICUBIC).save(folder / "large.jpg", quality=92)
    drawn[1].resize((97, 301), Image.Resampling.BICUBIC).save(folder / "narrow.png")
    drawn[2].convert("L").save(folder / "grey.png")
    drawn[3].convert("L").resize((500, 333)).save(folder / "grey.jpg", quality=75)
    drawn[4].quantize(32).save(folder / "palette.png")
    drawn[5].resize((SIZE, SIZE)).save(folder / "exact.png")
    return paths + sorted(folder.iterdir())


def resized(paths, preset):
    """Images [n, rows, columns, 3] of bytes, as the preset's framework resizes them."""
    how = Image.Resampling.BILINEAR if preset == "pytorch" else Image.Resampling.NEAREST
    shown = [Image.open(path).convert("RGB").resize((SIZE, SIZE), how) for path in paths]
    return numpy.stack([numpy.asarray(image) for image in shown])


def normalised(shown, pixels):
    """Images of bytes as the network's input [n, 3, rows, columns]."""
    if pixels == "caffe":
        result = shown[..., ::-1].astype("float32") - numpy.array(CAFFE_MEAN, "float32")
    else:
        scale, mean, deviation = TORCH_PIXELS
        result = (shown * scale - mean) / deviation
    return numpy.ascontiguousarray(result.transpose(0, 3, 1, 2), "float32")


def make_weights(case, data, seed):
    """He-initialised weights with the running statistics of a network that saw these images."""
    model = case.torch_model(case.blocks, has_head=False)
    tensors = small_resnet.weights(case.blocks, BASE, seed)
    model.load_state_dict({k: torch.from_numpy(v) for k, v in tensors.items()}, strict=False)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
            module.reset_running_stats()
    model.train()
    shown = resized(sorted((data / "train").glob("*/*.jpg")), case.preset)
    with torch.no_grad():
        model(torch.from_numpy(normalised(shown, case.pixels)))
    return {name: model.state_dict()[name].numpy() for name in tensors}


def compare(what, found, expected, tolerance=TOLERANCE):
    found = numpy.asarray(found)
    if found.shape != expected.shape:
        sys.exit(f"{what}: gives {found.shape} numbers, not {expected.shape}")
    difference = float(numpy.abs(found - expected).max())
    print(f"  {what:44} largest difference {difference:.1e}")
    if not difference <= tolerance:
        sys.exit(f"{what}: probabilities differ by {difference}, more than {tolerance}")


def train_and_export(tool, case, data, place, seed):
    """Trains a head and exports it in every way; gives the model and the words for the backbone."""
    place.mkdir(parents=True)
    weights = case.write(make_weights(case, data, seed), place) if case.write else "demo"
    backbone = ["--weights", weights, "--preset", case.preset]
    backbone += ["--feature-layer", case.layer] if case.layer else []
    tool(
        "train", "--data", data, *backbone, "--epochs", 4, "--batch-size", 8, "--hidden", case.hidden,
        "--lr", 0.003, "--output", place / "run")
    model = place / "run" / "model.safetensors"

    def export(format, file, *more):
        tool(
            "export", "--checkpoint", model, "--format", format, "--output", place / file, *more)

    for format, ending in ENDINGS.items():
        export(format, f"model.{ending}")
        export(format, f"head-only.{ending}", "--head-only")
    export("onnx", "pixels.onnx", "--with-preprocessing")
    return model, backbone


def load_state(path):
    if path.suffix == ".pth":
        return torch.load(path, weights_only=True)
    return {name: torch.from_numpy(value) for name, value in load_file(path).items()}


def check_torch(place, case, inputs, features, expected):
    for ending in ("safetensors", "pth"):
        model = case.torch_model(case.used)
        model.load_state_dict(load_state(place / f"model.{ending}"), strict=True)
        with torch.no_grad():
            found = torch.softmax(model(torch.from_numpy(inputs)), 1)
        compare(f"PyTorch, model.{ending}", found, expected)
        model = case.torch_model(case.used)
        head = load_state(place / f"head-only.{ending}")
        model.fc.load_state_dict({k.removeprefix("fc."): v for k, v in head.items()}, strict=True)
        with torch.no_grad():
            found = torch.softmax(model.fc(torch.from_numpy(features)), 1)
        compare(f"PyTorch, head-only.{ending}", found, expected)


def check_keras(place, inputs, features, expected):
    for file, given in (("model", inputs.transpose(0, 2, 3, 1)), ("head-only", features)):
        whole = keras.models.load_model(place / f"{file}.h5", compile=False)
        compare(f"Keras, {file}.h5", whole.predict(given, verbose=0), expected)
        model = keras.models.model_from_json((place / f"{file}.json").read_text())
        model.load_weights(place / f"{file}.h5")
        compare(f"Keras, {file}.json and load_weights", model.predict(given, verbose=0), expected)


def check_onnx(place, shown, inputs, features, expected):
    for file, name, given in (
        ("model", "pictures", inputs), ("pixels", "pictures", shown),
        ("head-only", "features", features)):
        path = place / f"{file}.onnx"
        onnx.checker.check_model(onnx.load(path), full_check=True)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        for count in (1, len(given)):
            found = session.run(["probabilities"], {name: given[:count]})[0]
            compare(f"onnxruntime, {file}.onnx, {count} at once", found, expected[:count])


def check_model(tool, name, case, data, images, place, seed):
    print(f"{name}:", flush=True)
    model, backbone = train_and_export(tool, case, data, place, seed)
    expected = tool.predict(model, images)
    if numpy.ptp(expected, axis=0).max() < 0.05:
        sys.exit(f"{name}: nearly the same for every image, which checks nothing: {expected}")
    tool("features", *backbone, "--output", place / "features.safetensors", *images)
    features = load_file(place / "features.safetensors")["features"]
    shown = resized(images, case.preset)
    inputs = normalised(shown, case.pixels)
    check_torch(place, case, inputs, features, expected)
    check_keras(place, inputs, features, expected)
    check_onnx(place, shown, inputs, features, expected)
    for ending in ENDINGS.values():
        file = place / f"model.{ending}"
        compare(f"avp-dist, {file.name}", tool.predict(file, images), expected, 1e-6)
    (place / "pictures.json").write_text(json.dumps(
        {"input": inputs[:2].flatten().tolist(), "probabilities": expected[:2].flatten().tolist()}))


def write_imports(folder):
    """keras.applications' own ResNet50 with random weights, in every file that Keras 3 writes."""
    folder.mkdir(parents=True)
    random = numpy.random.default_rng(9)
    model = keras.applications.ResNet50(weights=None, include_top=False, input_shape=(64, 64, 3))
    expected = {}
    for name, shape in small_resnet.shapes(WHOLE, 64).items():
        if len(shape) != 4:
            continue
        layer = name.removesuffix(".weight")
        norm = small_resnet.norm_after(layer)
        convolution = model.get_layer(small_resnet.keras_layer(layer)[0])
        batch_norm = model.get_layer(small_resnet.keras_layer(norm)[0])
        shapes = [value.shape for value in convolution.get_weights()]
        kernel, bias = (random.normal(0, 0.1, shape).astype("float32") for shape in shapes)
        gamma, beta, mean = (random.normal(0, 1, bias.shape).astype("float32") for _ in range(3))
        variance = random.uniform(0.5, 2, bias.shape).astype("float32")
        convolution.set_weights([kernel, bias])
        batch_norm.set_weights([gamma, beta, mean, variance])
        expected |= {
            name: numpy.ascontiguousarray(kernel.transpose(3, 2, 0, 1)), f"{norm}.weight": gamma,
            f"{norm}.bias": beta, f"{norm}.running_mean": mean - bias,
            f"{norm}.running_var": variance}
    model.save_weights(folder / "model.weights.h5")
    model.save(folder / "model.keras")
    model.save(folder / "model.h5")
    torch.save({k: torch.from_numpy(v) for k, v in expected.items()}, folder / "model.pth")
    return expected


def check_imports(tool, folder):
    """What `weights convert` makes of full-size files, element by element."""
    print("full-size files:", flush=True)
    expected = write_imports(folder)
    for name in ("model.weights.h5", "model.keras", "model.h5", "model.pth"):
        converted = folder / "converted.safetensors"
        tool("weights", "convert", folder / name, converted)
        with safe_open(converted, "numpy") as file:
            facts = file.metadata()
            tensors = {key: file.get_tensor(key) for key in file.keys()}
        is_keras = name != "model.pth"
        wanted = ("resnet50", "true", "1.001e-5") if is_keras else ("resnet50", "false", "1e-5")
        if tuple(facts[key] for key in ("architecture", "stride_in_1x1", "bn_eps")) != wanted:
            sys.exit(f"{name}: converted as {facts}")
        if tensors.keys() != expected.keys() or not all(
            numpy.array_equal(tensors[key], expected[key]) for key in expected):
            sys.exit(f"{name}: other tensors than were written")
        print(f"  {name:44} every element equal")


def main():
    folder = Path(sys.argv[1])
    tool = Tool(sys.argv[2], folder / "cache")
    check_imports(tool, folder / "imports")
    data = folder / "data"
    tool("demo-data", "--output", data, "--train", 12, "--validation", 4)
    images = write_images(data, folder / "pictures")
    for seed, (name, case) in enumerate(CASES.items()):
        check_model(tool, name, case, data, images, folder / "models" / name, seed)


if __name__ == "__main__":
    main()
