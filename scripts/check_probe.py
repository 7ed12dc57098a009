#!/usr/bin/env python3
"""Compares the linear probe of avp-dist with scikit-learn's LogisticRegression on the same features.

Usage: check_probe.py TOOL DATA FOLDER [OPTION...]

DATA holds train/ and validation/; options go to `avp-dist features` and `train`. For several
strengths of the penalty, with and without standardised features, the penalised loss of avp-dist's
head must be within 1e-6 of scikit-learn's minimum, and both must predict the same classes.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import sklearn
from safetensors.numpy import load_file, safe_open
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

tool, data, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
options = sys.argv[4:]


def run(*words):
    subprocess.run([tool, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def features(part):
    path = folder / f"{part}.safetensors"
    run("features", *options, "--output", str(path), str(data / part))
    with safe_open(path, "np") as file:
        names = json.loads(file.metadata()["images"])
    labels = [Path(name).relative_to(data / part).parts[0] for name in names]
    classes = sorted(set(labels))
    return load_file(path)["features"].astype(np.float64), np.array([classes.index(l) for l in labels])


def penalised(weight, bias, scale, x, y, decay):
    """Mean cross-entropy of a head for plain features, with the penalty of its standardised weights."""
    logits = x @ weight.T + bias
    logits -= logits.max(axis=1, keepdims=True)
    loss = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y]
    return loss.mean() + decay / 2 * ((weight * scale) ** 2).sum()


x, y = features("train")
other, _ = features("validation")
print(f"scikit-learn {sklearn.__version__}: {x.shape[0]} images, {x.shape[1]} features, "
      f"{y.max() + 1} classes")
worst = 0.0
for standardise in (False, True):
    scaler = StandardScaler(with_mean=standardise, with_std=standardise).fit(x)
    scale = scaler.scale_ if standardise else np.ones(x.shape[1])
    for decay in (1e-3, 1e-2, 1e-1, 1):
        output = folder / f"run-{standardise}-{decay}"
        run("train", *options, "--data", str(data), "--output", str(output), "--hidden", "0",
            "--optimizer", "lbfgs", "--weight-decay", str(decay),
            *(["--standardise"] if standardise else []))
        head = load_file(output / "model.safetensors")
        weight, bias = head["fc.weight"].astype(np.float64), head["fc.bias"].astype(np.float64)
        z = scaler.transform(x)
        reference = LogisticRegression(C=1 / (decay * len(y)), tol=1e-10, max_iter=100_000).fit(z, y)
        # Two classes have one vector there: half of it for each class is the same softmax, and the
        # least sum of squares, so the penalty of both is that of one with half the strength.
        if len(reference.coef_) == 1:
            reference = LogisticRegression(
                C=2 / (decay * len(y)), tol=1e-10, max_iter=100_000).fit(z, y)
            coef = np.concatenate([-reference.coef_, reference.coef_]) / 2
            intercept = np.concatenate([-reference.intercept_, reference.intercept_]) / 2
        else:
            coef, intercept = reference.coef_, reference.intercept_
        there = penalised(coef, intercept, 1, z, y, decay)
        here = penalised(weight, bias, scale, x, y, decay)
        difference = here / there - 1
        worst = max(worst, difference)
        ours = (other @ weight.T + bias).argmax(axis=1)
        theirs = reference.predict(scaler.transform(other))
        print(f"standardise {standardise!s:5} weight decay {decay:<6} loss {here:.9f}, "
              f"scikit-learn {there:.9f} ({difference:+.1e}), "
              f"{(ours != theirs).sum()} of {len(ours)} predictions differ")
        if difference > 1e-6 or (ours != theirs).any():
            sys.exit("The probe is not scikit-learn's.")
print(f"equal: at most {worst:.1e} above scikit-learn's minimum")
