"""The network and the images of make-golden-features and make-golden-heat-maps.

All numbers are made by the formula of `numbers`, here and in Tests/Support/GoldenNetwork, so that the
files of the tests hold no weights.
"""

import numpy
import small_resnet

BLOCKS, BASE, IMAGES, SIZE, PATCH = (3, 4, 6, 3), 8, 2, 224, 16


def numbers(series, count):
    """`count` numbers from -1 to below 1 in steps of 2^-23: SplitMix64 of series * 2^32 + index."""
    place = numpy.arange(1, count + 1, dtype="uint64") + numpy.uint64(series << 32)
    mixed = place * numpy.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> numpy.uint64(31)
    return (mixed >> numpy.uint64(40)).astype("float64") / 2**23 - 1


def tensor(name, shape, series):
    """Activations stay near one. Every fourth channel has no variance: there epsilon counts."""
    values = numbers(series, int(numpy.prod(shape))).reshape(shape)
    quiet = numpy.arange(shape[0]) % 4 == 3
    if len(shape) == 4:
        values = values * numpy.sqrt(6 / numpy.prod(shape[1:]))
    elif name.endswith("running_var"):
        values = numpy.where(quiet, 0, 1 + values / 2)
    elif name.endswith("weight"):
        values = (1 + values / 2) * (0.25 if ".bn3." in name else 1)
        values = numpy.where(quiet, values / 512, values)
    else:
        values = values / 4
    return values.astype("float32")


def weights():
    shapes = small_resnet.shapes(BLOCKS, BASE)
    return {name: tensor(name, shapes[name], n) for n, name in enumerate(sorted(shapes))}


def images():
    """[n, rows, columns, 3]: squares of one colour each."""
    side = SIZE // PATCH
    values = 2 * numbers(1000, IMAGES * side * side * 3).reshape(IMAGES, side, side, 3)
    return values.astype("float32").repeat(PATCH, 1).repeat(PATCH, 2)


def torch_model(tensors, **choices):
    """The network in double precision; for `choices` see small_resnet."""
    import torch

    model = small_resnet.torch_model(BLOCKS, BASE, **choices)
    state = {name: torch.from_numpy(value) for name, value in tensors.items()}
    model.load_state_dict(state, strict=False)
    return model.double()
