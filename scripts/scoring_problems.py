"""Random problems of classification with what scikit-learn, SciPy and cleanlab make of them, as
Tests/ScoringTests compares them with ours. Imported by make-golden-scores and check_scores.py."""

import json

import numpy as np

# NumPy's sorting of equal values differs between processors; cleanlab's choice among equal images
# is settled by a stable one, as ours is. Before the libraries are imported.
_argsort = np.argsort


def _stable(values, axis=-1, kind=None, **rest):
    return _argsort(values, axis=axis, kind=None if "stable" in rest else "stable", **rest)


np.argsort = _stable

import cleanlab.count  # noqa: E402
import cleanlab.filter  # noqa: E402
import cleanlab.rank  # noqa: E402
import scipy  # noqa: E402
import sklearn  # noqa: E402
from scipy.optimize import brentq  # noqa: E402
from scipy.special import log_softmax, softmax  # noqa: E402
from scipy.stats import binomtest  # noqa: E402
from sklearn import metrics  # noqa: E402

VERSIONS = {
    "numpy": np.__version__, "scipy": scipy.__version__, "scikit-learn": sklearn.__version__,
    "cleanlab": cleanlab.__version__,
}


def problem(random, classes, count):
    """Logits, probabilities and labels of a classifier that is right at times. Half the problems have
    probabilities of two digits, for ties, and some have classes without images."""
    weights = random.dirichlet(np.full(classes, random.choice([0.3, 1, 10])))
    if classes > 3 and random.random() < 0.3:
        weights[random.choice(classes, classes // 3, replace=False)] = 0
        weights /= weights.sum()
    truth = random.choice(classes, count, p=weights)
    labels = truth.copy()
    wrong = random.random(count) < random.choice([0, 0.1, 0.3])
    labels[wrong] = random.choice(np.flatnonzero(weights), int(wrong.sum()))
    logits = random.normal(0, random.choice([0.5, 1, 3]), (count, classes))
    logits[np.arange(count), truth] += random.choice([0, 2, 6])
    logits = np.round(logits, 3)
    probabilities = np.round(softmax(logits, axis=1), random.choice([2, 6]))
    return {
        "classes": classes, "labels": labels.tolist(), "logits": logits.tolist(),
        "probabilities": probabilities.tolist(),
    }


def reference(problem):
    """What the libraries say about a problem."""
    classes, labels = problem["classes"], np.array(problem["labels"])
    logits, probabilities = np.array(problem["logits"]), np.array(problem["probabilities"])
    predicted = probabilities.argmax(axis=1)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, predicted, labels=range(classes), zero_division=np.nan)
    right = int((predicted == labels).sum())
    interval = binomtest(right, len(labels)).proportion_ci(method="wilson")
    areas = [
        metrics.roc_auc_score(labels == k, probabilities[:, k])
        if 0 < (labels == k).sum() < len(labels) else None for k in range(classes)]
    present = [area for area in areas if area is not None]
    expected = {
        "confusion": metrics.confusion_matrix(labels, predicted, labels=range(classes)).tolist(),
        "precision": numbers(precision), "recall": numbers(recall), "f1": numbers(f1),
        "macro_f1": metrics.f1_score(labels, predicted, average="macro", zero_division=0),
        "balanced_accuracy": balanced_accuracy(labels, predicted),
        "areas": areas,
        "auc": areas[1] if classes == 2 else float(np.mean(present)) if present else None,
        # The library takes the last of equal classes, we take the first.
        "top_five": metrics.top_k_accuracy_score(
            classes - 1 - labels, probabilities[:, ::-1], k=5, labels=range(classes))
        if classes > 5 else None,
        "calibration_error": calibration_error(probabilities, labels),
        "log_loss": metrics.log_loss(labels, softmax(logits, axis=1), labels=range(classes)),
        "temperature": temperature(logits, labels), "interval": [interval.low, interval.high],
        "confident": confident(probabilities, labels),
    }
    if all(area is not None for area in areas) and classes > 2:
        sums = softmax(logits, axis=1)
        expected["auc_of_logits"] = metrics.roc_auc_score(labels, sums, multi_class="ovr")
    return expected


def numbers(values):
    return [None if np.isnan(value) else float(value) for value in values]


def balanced_accuracy(labels, predicted):
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return metrics.balanced_accuracy_score(labels, predicted)


def calibration_error(probabilities, labels):
    """As Guo and others define it."""
    top, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bounds = np.arange(16) / 15
    error = 0.0
    for low, high in zip(bounds, bounds[1:]):
        # Probabilities rounded to more than 1 in sum belong to the last bin all the same.
        inside = (top > low) & ((top <= high) | (high == 1))
        if inside.any():
            error += abs(right[inside].mean() - top[inside].mean()) * inside.mean()
    return error


def temperature(logits, labels):
    def slope(inverse):
        means = (softmax(logits * inverse, axis=1) * logits).sum(axis=1)
        return (means - logits[np.arange(len(labels)), labels]).sum()

    if slope(1 / 20) >= 0 or slope(20) <= 0:
        return None
    return 1 / brentq(slope, 1 / 20, 20, xtol=1e-14, rtol=1e-14)


def confident(probabilities, labels):
    if len(set(labels)) < 2:
        return None
    issues = cleanlab.filter.find_label_issues(
        labels, probabilities, filter_by="prune_by_noise_rate",
        return_indices_ranked_by="self_confidence", n_jobs=1)
    return {
        "thresholds": cleanlab.count.get_confident_thresholds(labels, probabilities).tolist(),
        "joint": cleanlab.count.compute_confident_joint(
            labels, probabilities, calibrate=False).tolist(),
        "calibrated": cleanlab.count.compute_confident_joint(labels, probabilities).tolist(),
        "error_share": 1 - float(cleanlab.count.estimate_joint(labels, probabilities).trace()),
        "margins": cleanlab.rank.get_label_quality_scores(
            labels, probabilities, method="normalized_margin").tolist(),
        "issues": issues.tolist(),
    }


def write(path, random, sizes):
    """Problems with `sizes`, pairs of classes and images, one a line."""
    import warnings
    warnings.simplefilter("ignore")
    with open(path, "w", encoding="utf-8") as file:
        for classes, count in sizes:
            given = problem(random, classes, count)
            json.dump({**given, "expected": reference(given)}, file, separators=(",", ":"))
            file.write("\n")
