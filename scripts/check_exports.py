"""The two halves of test-exports that need the real libraries.

`prepare FOLDER` writes models/*/{weights,head,pictures,expected}.safetensors: weights of several conventions, a head,
pictures, and the probabilities that PyTorch gives for them; and imports/: full-size files that Keras wrote,
with the tensors that they must be read as. `check FOLDER` loads what the tests wrote beside them.
"""

import json
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import numpy
import small_resnet
import torch
from safetensors.numpy import load_file, save_file

TOLERANCE = 1e-4
HIDDEN, CLASSES, SIZE = 16, 3, 224
CAFFE = {"channel_order": "BGR", "mean": "103.939,116.779,123.68", "std": "1,1,1"}
CAFFE_TEXT = {"stride_in_1x1": "true", "maxpool": "kernel 3 stride 2 padding 0 ceil_mode true"}

# Name: blocks, channels, choices of the PyTorch model, the same as metadata.
CASES = {
    "torchvision": ((3, 4, 6, 3), 8, {}, {}),
    "caffe-layer3": (
        (3, 4, 6), 8, {"stride_first": True, "pool": "ceiling"}, CAFFE | CAFFE_TEXT | {"bn_eps": "1e-5"}),
    "keras": (
        (3, 4, 6, 3), 8, {"stride_first": True, "epsilon": 1.001e-5},
        CAFFE | {"stride_in_1x1": "true", "bn_eps": "1.001e-5"}),
}


def normalised(pictures, metadata):
    """Pictures [n, rows, columns, 3] of bytes as the network's input [n, 3, rows, columns]."""
    if metadata:
        mean = numpy.array([103.939, 116.779, 123.68], "float32")
        result = pictures[..., ::-1].astype("float32") - mean
    else:
        mean = numpy.array([0.485, 0.456, 0.406], "float32")
        deviation = numpy.array([0.229, 0.224, 0.225], "float32")
        result = (pictures.astype("float32") / 255 - mean) / deviation
    return numpy.ascontiguousarray(result.transpose(0, 3, 1, 2))


def pictures(random):
    """Smooth random pictures, so that they are not all alike to the network."""
    small = torch.from_numpy(random.uniform(0, 255, (4, 3, 9, 9)))
    large = torch.nn.functional.interpolate(small, (SIZE, SIZE), mode="bicubic")
    return large.clamp(0, 255).permute(0, 2, 3, 1).numpy().astype("uint8").copy()


def prepare_models(folder):
    for number, (name, (blocks, base, choices, metadata)) in enumerate(CASES.items()):
        random = numpy.random.default_rng(number)
        place = folder / name
        place.mkdir(parents=True)
        weights = small_resnet.weights(blocks, base, number)
        model = small_resnet.torch_model(blocks, base, (HIDDEN, CLASSES), **choices)
        state = {key: torch.from_numpy(value) for key, value in weights.items()}
        model.load_state_dict(state, strict=False)
        calibrate(model, random, metadata)
        weights = {key: model.state_dict()[key].numpy() for key in weights}
        features = base * 2 ** (len(blocks) + 1)
        head = {
            "fc.0.weight": random.normal(0, features**-0.5, (HIDDEN, features)),
            "fc.0.bias": random.normal(0, 0.1, HIDDEN),
            "fc.2.weight": random.normal(0, 1, (CLASSES, HIDDEN)),
            "fc.2.bias": random.normal(0, 0.1, CLASSES),
        }
        head = {key: value.astype("float32") for key, value in head.items()}
        model.load_state_dict({k: torch.from_numpy(v) for k, v in head.items()}, strict=False)
        shown = pictures(random)
        probabilities, seen = reference(model, normalised(shown, metadata))
        save_file(weights, place / "weights.safetensors", metadata | {"format": "pt"})
        save_file(head, place / "head.safetensors")
        save_file(
            {"pictures": shown, "probabilities": probabilities, "features": seen},
            place / "expected.safetensors", {"keras": str(bool(metadata))})
        (place / "pictures.json").write_text(json.dumps(
            {"input": normalised(shown, metadata)[:2].flatten().tolist(),
             "probabilities": probabilities[:2].flatten().tolist()}))


def calibrate(model, random, metadata):
    """Sets the running statistics as if the model had been trained, so that activations stay near one."""
    model.train()
    with torch.no_grad():
        for _ in range(10):
            model(torch.from_numpy(normalised(pictures(random), metadata)))
    model.eval()


def reference(model, inputs):
    """Probabilities and features in float64."""
    model = model.double().eval()
    kept = {}
    hook = model.avgpool.register_forward_hook(lambda _, __, value: kept.update(features=value))
    with torch.no_grad():
        probabilities = torch.softmax(model(torch.from_numpy(inputs).double()), 1)
    hook.remove()
    model.float()
    return probabilities.numpy(), kept["features"].flatten(1).float().numpy()


def prepare_imports(folder):
    """keras.applications' own ResNet50 with random weights, in every file that Keras 3 writes."""
    import keras

    folder.mkdir(parents=True)
    random = numpy.random.default_rng(9)
    model = keras.applications.ResNet50(weights=None, include_top=False, input_shape=(64, 64, 3))
    expected = {}
    for name in small_resnet.shapes((3, 4, 6, 3), 64):
        if not name.endswith("weight") or "bn" in name or "downsample.1" in name:
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
            f"{norm}.bias": beta, f"{norm}.running_mean": mean - bias, f"{norm}.running_var": variance}
    save_file(expected, folder / "expected.safetensors")
    model.save_weights(folder / "model.weights.h5")
    model.save(folder / "model.keras")
    model.save(folder / "model.h5")
    torch.save({k: torch.from_numpy(v) for k, v in expected.items()}, folder / "model.pth")


def compare(what, found, expected):
    difference = float(numpy.abs(numpy.asarray(found) - expected).max())
    print(f"  {what:44} largest difference {difference:.1e}")
    if not difference <= TOLERANCE:
        sys.exit(f"{what}: probabilities differ by {difference}, more than {TOLERANCE}")


def check_torch(place, case, inputs, features, expected):
    import safetensors.torch

    blocks, base, choices, _ = case
    for file in ("model.safetensors", "model.pth"):
        model = small_resnet.torch_model(blocks, base, (HIDDEN, CLASSES), **choices)
        path = place / file
        if file.endswith("pth"):
            state = torch.load(path, weights_only=True)
        else:
            state = safetensors.torch.load_file(path)
        model.load_state_dict(state, strict=True)
        with torch.no_grad():
            compare(file, torch.softmax(model(torch.from_numpy(inputs)), 1), expected)
    for file in ("head-only.safetensors", "head-only.pth"):
        model = small_resnet.torch_model(blocks, base, (HIDDEN, CLASSES), **choices)
        path = place / file
        if file.endswith("pth"):
            state = torch.load(path, weights_only=True)
        else:
            state = safetensors.torch.load_file(path)
        model.load_state_dict(state, strict=False)
        with torch.no_grad():
            compare(file, torch.softmax(model.fc(torch.from_numpy(features)), 1), expected)


def check_keras(place, inputs, features, expected):
    import keras

    for file, given in (("model", inputs.transpose(0, 2, 3, 1)), ("head-only", features)):
        whole = keras.models.load_model(place / f"{file}.h5", compile=False)
        compare(f"{file}.h5, load_model", whole.predict(given, verbose=0), expected)
        model = keras.models.model_from_json((place / f"{file}.json").read_text())
        model.load_weights(place / f"{file}.h5")
        compare(f"{file}.json, load_weights", model.predict(given, verbose=0), expected)


def check_onnx(place, shown, inputs, features, expected):
    import onnx
    import onnxruntime

    for file, name, given in (
        ("model", "pictures", inputs), ("pixels", "pictures", shown), ("head-only", "features", features)):
        path = place / f"{file}.onnx"
        onnx.checker.check_model(onnx.load(path), full_check=True)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        for count in (1, len(given)):
            found = session.run(["probabilities"], {name: given[:count]})[0]
            compare(f"{file}.onnx, {count} at once", found, expected[:count])


def check(folder):
    for name, case in CASES.items():
        print(f"{name}:")
        place = folder / "models" / name
        data = load_file(place / "expected.safetensors")
        expected, shown = data["probabilities"], data["pictures"]
        if numpy.ptp(expected, axis=0).max() < 0.01:
            sys.exit(f"{name}: the reference gives the same for every picture, which checks nothing")
        inputs = normalised(shown, case[3])
        check_torch(place, case, inputs, data["features"], expected)
        check_keras(place, inputs, data["features"], expected)
        check_onnx(place, shown, inputs, data["features"], expected)


if __name__ == "__main__":
    step, folder = sys.argv[1], Path(sys.argv[2])
    if step == "prepare":
        prepare_models(folder / "models")
        prepare_imports(folder / "imports")
    else:
        check(folder)
