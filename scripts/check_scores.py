"""Random problems for scripts/test-scores.

    check_scores.py problems FILE COUNT
"""

import sys

import numpy as np

import scoring_problems


def problems(path, count):
    """Problems of 2 to 30 classes and up to some hundred images."""
    random = np.random.default_rng(int(count))
    sizes = [(int(random.integers(2, 31)), int(random.integers(5, 400))) for _ in range(int(count))]
    scoring_problems.write(path, random, sizes)
    print(*(f"{name} {version}" for name, version in scoring_problems.VERSIONS.items()), sep=", ")


{"problems": problems}[sys.argv[1]](*sys.argv[2:])
