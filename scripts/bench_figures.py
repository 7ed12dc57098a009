"""How scripts/bench-peers prints figures."""

import os
import platform
import statistics
import time


def spread(values, form):
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def table(rates, unit):
    """The first row is what the others are compared with, round by round."""
    own = next(iter(rates.values()))
    print(f"| | {unit}, median (range) "
          f"| {next(iter(rates))} is so many times as fast, median (range) |")
    print("|---|---|---|")
    for name, values in rates.items():
        ratios = [a / b for a, b in zip(own, values)]
        print(f"| {name} | {spread(values, '.1f')} | {spread(ratios, '.2f')} |")


def versions():
    from importlib.metadata import version

    with open("/proc/cpuinfo") as file:
        models = (line.split(":")[1].strip() for line in file if line.startswith("model name"))
        processor = next(models, platform.machine())
    names = ["torch", "onnxruntime", "openvino", "numpy", "pillow"]
    print(f"{time.strftime('%Y-%m-%d')}; {processor}, {os.cpu_count()} cores; Python "
          f"{platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in names))
