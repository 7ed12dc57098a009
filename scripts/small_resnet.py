"""A small ResNet in NumPy, PyTorch and Keras: what make-golden-weights and test-exports build on.

It is the bottleneck ResNet of torchvision with its names (conv1.weight, layer1.0.bn2.running_var, ...),
for any number of blocks and channels; torchvision itself is not needed.
"""

import numpy

STAGES = (1, 2, 3, 4)


def shapes(blocks, base):
    """Names and shapes of all tensors of the backbone, without num_batches_tracked."""
    result = {"conv1.weight": (base, 3, 7, 7)}

    def norm(name, channels):
        for part in ("weight", "bias", "running_mean", "running_var"):
            result[f"{name}.{part}"] = (channels,)

    norm("bn1", base)
    before = base
    for stage, count in zip(STAGES, blocks):
        width, after = base * 2 ** (stage - 1), base * 2 ** (stage + 1)
        for block in range(count):
            name = f"layer{stage}.{block}"
            result[f"{name}.conv1.weight"] = (width, before, 1, 1)
            result[f"{name}.conv2.weight"] = (width, width, 3, 3)
            result[f"{name}.conv3.weight"] = (after, width, 1, 1)
            for index, channels in enumerate((width, width, after), 1):
                norm(f"{name}.bn{index}", channels)
            if block == 0:
                result[f"{name}.downsample.0.weight"] = (after, before, 1, 1)
                norm(f"{name}.downsample.1", after)
            before = after
    return result


def weights(blocks, base, seed):
    """Weights with activations near one, in steps of 1/256, so that half precision holds them exactly."""
    random = numpy.random.default_rng(seed)
    result = {}
    for name, shape in shapes(blocks, base).items():
        if len(shape) == 4:
            value = random.normal(0, numpy.sqrt(2 / numpy.prod(shape[1:])), shape)
        elif name.endswith("running_var") or name.endswith("weight"):
            value = random.uniform(0.5, 1, shape)
        else:
            value = random.normal(0, 0.1, shape)
        result[name] = (numpy.clip(numpy.round(value * 256), -255, 255) / 256).astype("float32")
    return result


def torch_model(blocks, base, head=None, stride_first=False, pool="padded", epsilon=1e-5):
    """The network as torchvision builds it; `head` = (hidden, classes) makes `fc` the article's Sequential,
    or without hidden units one linear layer."""
    import torch
    from torch import nn

    class Bottleneck(nn.Module):
        def __init__(self, before, width, after, stride, first):
            super().__init__()
            strides = (stride, 1) if stride_first else (1, stride)
            self.conv1 = nn.Conv2d(before, width, 1, strides[0], bias=False)
            self.bn1 = nn.BatchNorm2d(width, epsilon)
            self.conv2 = nn.Conv2d(width, width, 3, strides[1], 1, bias=False)
            self.bn2 = nn.BatchNorm2d(width, epsilon)
            self.conv3 = nn.Conv2d(width, after, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(after, epsilon)
            self.relu = nn.ReLU()
            self.downsample = None
            if first:
                self.downsample = nn.Sequential(
                    nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after, epsilon)
                )

        def forward(self, x):
            shortcut = x if self.downsample is None else self.downsample(x)
            x = self.relu(self.bn1(self.conv1(x)))
            x = self.relu(self.bn2(self.conv2(x)))
            return self.relu(self.bn3(self.conv3(x)) + shortcut)

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, base, 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(base, epsilon)
            self.relu = nn.ReLU()
            self.maxpool = {
                "padded": nn.MaxPool2d(3, 2, 1),
                "ceiling": nn.MaxPool2d(3, 2, 0, ceil_mode=True),
                "unpadded": nn.MaxPool2d(3, 2, 0),
            }[pool]
            before = base
            self.stages = []
            for stage, count in zip(STAGES, blocks):
                width, after = base * 2 ** (stage - 1), base * 2 ** (stage + 1)
                layers = []
                for block in range(count):
                    stride = 2 if block == 0 and stage > 1 else 1
                    layers.append(Bottleneck(before, width, after, stride, block == 0))
                    before = after
                setattr(self, f"layer{stage}", nn.Sequential(*layers))
                self.stages.append(f"layer{stage}")
            self.avgpool = nn.AdaptiveAvgPool2d(1)
            if head:
                self.fc = nn.Sequential(
                    nn.Linear(before, head[0]), nn.ReLU(), nn.Linear(head[0], head[1])
                ) if head[0] else nn.Linear(before, head[1])

        def forward(self, x):
            x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
            for stage in self.stages:
                x = getattr(self, stage)(x)
            x = torch.flatten(self.avgpool(x), 1)
            return self.fc(x) if head else x

    return ResNet().eval()


def keras_model(keras, blocks, base, dense=(), size=64):
    """The network as keras.applications builds it, with its layer names."""
    layers = keras.layers
    inputs = keras.Input((size, size, 3))
    x = layers.ZeroPadding2D(3, name="conv1_pad")(inputs)
    x = layers.Conv2D(base, 7, strides=2, name="conv1_conv")(x)
    x = layers.BatchNormalization(epsilon=1.001e-5, name="conv1_bn")(x)
    x = layers.Activation("relu", name="conv1_relu")(x)
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for stage, count in zip(STAGES, blocks):
        width = base * 2 ** (stage - 1)
        for block in range(1, count + 1):
            name = f"conv{stage + 1}_block{block}"
            stride = 2 if block == 1 and stage > 1 else 1

            def unit(x, index, channels, size, stride=1, **more):
                x = layers.Conv2D(channels, size, strides=stride, name=f"{name}_{index}_conv", **more)(x)
                return layers.BatchNormalization(epsilon=1.001e-5, name=f"{name}_{index}_bn")(x)

            shortcut = unit(x, 0, 4 * width, 1, stride) if block == 1 else x
            x = layers.Activation("relu", name=f"{name}_1_relu")(unit(x, 1, width, 1, stride))
            x = unit(x, 2, width, 3, padding="same")
            x = unit(layers.Activation("relu", name=f"{name}_2_relu")(x), 3, 4 * width, 1)
            x = layers.Add(name=f"{name}_add")([shortcut, x])
            x = layers.Activation("relu", name=f"{name}_out")(x)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    for index, units in enumerate(dense):
        last = index == len(dense) - 1
        x = layers.Dense(units, activation="softmax" if last else "relu")(x)
    return keras.Model(inputs, x)


def keras_layer(name):
    """torchvision's name of a convolution or batch-norm -> the names of 2019 and of 2016."""
    if name in ("conv1", "bn1"):
        return ("conv1_conv", "conv1") if name == "conv1" else ("conv1_bn", "bn_conv1")
    stage, block, *rest = name.removeprefix("layer").split(".")
    stage, block = int(stage) + 1, int(block)
    if rest[0] == "downsample":
        place, is_norm = 0, rest[1] == "1"
    else:
        place, is_norm = int(rest[0][-1]), rest[0].startswith("bn")
    branch = "1" if place == 0 else "2" + "abc"[place - 1]
    return (
        f"conv{stage}_block{block + 1}_{place}_{'bn' if is_norm else 'conv'}",
        f"{'bn' if is_norm else 'res'}{stage}{'abcdef'[block]}_branch{branch}",
    )


def norm_after(convolution):
    """torchvision's name of the batch-norm after a convolution."""
    if convolution.endswith("downsample.0"):
        return convolution[:-1] + "1"
    return convolution.replace("conv", "bn")


def keras_arrays(tensors, seed):
    """Layer by layer what Keras holds for these torchvision weights: kernels HWIO, and a bias for each
    convolution, which the mean after it makes up for. All in steps of 1/256, so nothing is rounded."""
    random = numpy.random.default_rng(seed)
    result = {}
    for name, value in tensors.items():
        if value.ndim != 4:
            continue
        layer = name.removesuffix(".weight")
        norm = norm_after(layer)
        bias = (random.integers(-64, 64, value.shape[0]) / 256).astype("float32")
        result[layer] = {"kernel": value.transpose(2, 3, 1, 0).copy(), "bias": bias}
        result[norm] = {
            "gamma": tensors[f"{norm}.weight"],
            "beta": tensors[f"{norm}.bias"],
            "moving_mean": tensors[f"{norm}.running_mean"] + bias,
            "moving_variance": tensors[f"{norm}.running_var"],
        }
    return result
