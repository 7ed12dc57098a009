"""The parts of scripts/test-scores.

    check_scores.py problems FILE COUNT         random problems with the libraries' answers
    check_scores.py labels FILE SCRATCH TOOL    `labels` on some of them
    check_scores.py evaluate SCRATCH TOOL       `evaluate` of a small run
"""

import csv
import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

import scoring_problems


def problems(path, count):
    """Problems of 2 to 30 classes and up to some hundred images."""
    random = np.random.default_rng(int(count))
    sizes = [(int(random.integers(2, 31)), int(random.integers(5, 400))) for _ in range(int(count))]
    scoring_problems.write(path, random, sizes)
    print(*(f"{name} {version}" for name, version in scoring_problems.VERSIONS.items()), sep=", ")


def run(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def near(value, expected, what):
    np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12, err_msg=what)


def labels(path, scratch, tool):
    """Tables of predictions, whose ranking must be cleanlab's."""
    checked = issues = 0
    with open(path, encoding="utf-8") as file:
        for line in itertools.islice(file, 100):
            problem = json.loads(line)
            expected = problem["expected"]["confident"]
            # Rounded to two digits, those of many classes do not add up to 1.
            sums = np.array(problem["probabilities"]).sum(axis=1)
            if expected is None or np.abs(sums - 1).max() > 0.009:
                continue
            check_labels(problem, expected, Path(scratch), tool)
            checked += 1
            issues += len(expected["issues"])
    print(f"labels: {checked} tables, {issues} probable errors")


def check_labels(problem, expected, scratch, tool):
    table, ranking = scratch / "table.csv", scratch / "ranking.csv"
    names = [f"class, {k}" for k in range(problem["classes"])]
    with open(table, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "fold", *names])
        for index, row in enumerate(problem["probabilities"]):
            writer.writerow([index, names[problem["labels"][index]], 0, *row])
    found = json.loads(run(tool, "labels", table, "--json", "--output", ranking))
    assert [int(issue["image"]) for issue in found["issues"]] == expected["issues"]
    near(found["error_share"], expected["error_share"], "share of wrong labels")
    with open(ranking, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    wrong = [int(row["image"]) for row in rows if row["probably_wrong"] == "true"]
    assert wrong == expected["issues"] and len(rows) == len(problem["labels"])
    for row in rows:
        near(float(row["margin"]), expected["margins"][int(row["image"])], "margin")


def evaluate(scratch, tool):
    """A run on twelve classes, whose scores must be those of its predictions."""
    data, output, rows = (f"{scratch}/{name}" for name in ("data", "run", "rows.csv"))
    cache = ["--cache-dir", f"{scratch}/cache"]
    run(tool, "demo-data", "--set", "backbone", "--train", "6", "--validation", "5",
        "--output", data)
    run(tool, "train", "--data", data, "--weights", "demo", "--epochs", "2", "--output", output,
        *cache)
    model = ["--checkpoint", output, *cache]
    found = json.loads(run(tool, "evaluate", "--data", data, "--json", *model))
    run(tool, "predict", "--output", rows, "--json", f"{data}/validation", *model)
    with open(rows, newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    classes = found["classes"]
    probabilities = np.array([[float(row[name]) for name in classes] for row in table])
    truth = [classes.index(Path(row["image"]).parent.name) for row in table]
    expected = scoring_problems.reference({
        "classes": len(classes), "labels": truth, "probabilities": probabilities,
        "logits": np.log(probabilities)})
    for key, other in [
            ("macro_f1", "macro_f1"), ("balanced_accuracy", "balanced_accuracy"), ("auc", "auc"),
            ("top5_accuracy", "top_five"), ("calibration_error", "calibration_error"),
            ("log_loss", "log_loss")]:
        near(found[key], expected[other], key)
    near([found["accuracy_interval"][end] for end in ("low", "high")], expected["interval"],
         "interval")
    assert found["confusion"] == expected["confusion"]
    for key in ("precision", "recall", "f1"):
        lines = [line.get(key) for line in found["per_class"]]
        assert [value is None for value in lines] == [value is None for value in expected[key]]
        near([value or 0 for value in lines], [value or 0 for value in expected[key]], key)
    print(f"evaluate: {len(table)} images of {len(classes)} classes")


{"problems": problems, "labels": labels, "evaluate": evaluate}[sys.argv[1]](*sys.argv[2:])
