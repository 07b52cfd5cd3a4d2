"""What a generative model draws, measured: how far it is from real examples, whose classifier says so, and alarms for a collapse."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.assembly import Opened
from zoo.data import Dataset, batches
from zoo.evaluation.classifier import Classifier, find_classifier, open_classifier
from zoo.evaluation.distances import fid, kid, variety
from zoo.evaluation.parts import Generated, Part
from zoo.layers import nats
from zoo.tasks import Generation

log = logging.getLogger("zoo")

MOST = 10_000  # examples of a split that are compared with as many generated ones
FEW = 2000  # that are kept to look at
BATCH = 256
SEEDS = {"test": 0, "val": 1}  # of what is drawn to compare with each split
BLANK = 2  # of the baseline's pixels
LITTLE_VARIETY = 0.5  # of the real examples' mean distance: below that a generator has collapsed
HARDLY = 0.1  # of a class's share of the real examples: below that it is not drawn
EXPECTED = 20  # examples of a class that are to be expected before it is missed
ACTIVE = 0.01  # variance of a code's mean over examples, above which it says something of them (Burda et al. 2016, section 5)
FEW_ACTIVE = 0.1  # of a code's numbers
NO_KL = 0.1  # nats


@dataclass(frozen=True)
class Looked:
    """Some examples, real or generated: what the classifier finds in them, where there is one, and the first of them themselves."""

    first: np.ndarray
    features: np.ndarray | None
    classes: np.ndarray | None

    @property
    def values(self) -> np.ndarray:
        """What distances are measured in: features, else the plain values."""
        return self.first.reshape(len(self.first), -1) if self.features is None else self.features


@dataclass(frozen=True)
class Compared:
    """Examples of a split beside as many that are drawn for them, of their classes, (n,), where the model is told them."""

    labels: np.ndarray | None
    real: Looked
    drawn: Looked

    @property
    def scores(self) -> dict[str, float | None]:
        return _scores(self.real, self.drawn)


def compared(opened: Opened, data: Dataset, name: str, rows: np.ndarray, y: Any, classifier: Classifier | None) -> Compared:
    """As many examples are drawn as a split has, MOST at most."""
    assert isinstance(opened.task, Generation)
    some = _spread(len(rows))
    labels = y[some] if opened.task.conditional else None
    z = noise(len(some), code_size(opened), SEEDS[name])
    return Compared(labels, _look(_examples(data, rows[some]), classifier), _look(drawn_of(opened, z, labels), classifier))


def classifier_of(opened: Opened, data: Dataset, runs: Path | None = None) -> Classifier | None:
    """Whose features the scores are of, where the task names one; its run is looked for in `runs`, default: where this one is."""
    choice = opened.run.experiment.task
    assert choice is not None
    return open_classifier(find_classifier(choice.classifier, data, runs or opened.run.path.parents[1])) if choice.classifier else None


def completed(opened: Opened, data: Dataset, parts: Mapping[str, Part]) -> tuple[dict[str, Part], Generated]:
    """The splits with the scores of what is drawn and those of a baseline, and what was drawn to look at.

    The baseline draws each value by itself, from a normal distribution of the training examples' mean and spread; of a VAE's bound it is
    each value's mean.
    """
    task, classifier = opened.task, classifier_of(opened, data)
    assert isinstance(task, Generation)
    beside = {name: compared(opened, data, name, part.rows, part.y, classifier) for name, part in parts.items()}
    test, val = beside["test"], beside["val"]
    mean, spread = _moments(data)
    blank = _look(_blank(mean, spread, len(_spread(len(parts["test"].rows)))), classifier)
    floor = _scores(test.real, val.real)["fid"]
    made = {}
    for name, part in parts.items():
        base = _bound_of_mean(data, part.rows, mean) if not task.adversarial else {}
        made[name] = replace(
            part,
            metrics={**part.metrics, **beside[name].scores, "fid_of_val": floor},
            baseline={**base, **(_scores(beside[name].real, blank) if classifier else {})},
        )
    rows = parts["val"].rows
    units = _units(opened, data, rows[_spread(len(rows))], val.labels)
    names, classes = (classifier.facts, classifier.run.reading["classes"]) if classifier else (None, ())
    alarms = [*collapse(test.real, test.drawn, test.labels, tuple(classes)), *units.pop("alarms", [])]
    for alarm in alarms:
        log.warning("alarm: %s", alarm)
    made["test"] = replace(made["test"], metrics={**made["test"].metrics, **units, **({"classifier": names} if names else {})})
    return made, Generated(test.drawn.first, None if test.labels is None else test.labels[:FEW], names, alarms)


def _spread(size: int) -> np.ndarray:
    """Which of so many rows are looked at."""
    return np.unique(np.linspace(0, size - 1, min(size, MOST), dtype=int))


def _examples(data: Dataset, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Batches of real examples, as the model takes them."""
    for x, _ in batches(data.encode(rows), BATCH):
        yield x.numpy()


def sampler(opened: Opened) -> str:
    """The signature that draws."""
    return next(name for name in ("generator", "decoder") if name in opened.signatures)


def code_size(opened: Opened) -> int:
    """Numbers of a code."""
    return int(opened.takes(sampler(opened))["z"]["shape"][0])


def noise(count: int, size: int, seed: int) -> np.ndarray:
    """Standard normal codes, float32 (count, size)."""
    return np.random.default_rng(seed).standard_normal((count, size)).astype("float32")


def drawn_of(opened: Opened, z: np.ndarray, labels: np.ndarray | None = None) -> Iterator[np.ndarray]:
    """Batches of what codes, float32 (n, size), and class numbers (n,) become, as the model gives it."""
    given = {"z": z} if labels is None else {"z": z, "label": labels}
    for start in range(0, len(z), BATCH):
        yield opened.ask(sampler(opened), {key: values[start : start + BATCH] for key, values in given.items()}, BATCH)["sample"]


def _look(examples: Iterable[np.ndarray], classifier: Classifier | None) -> Looked:
    first: list[np.ndarray] = []

    def seen() -> Iterator[np.ndarray]:
        for batch in examples:
            if len(first) * BATCH < FEW:
                first.append(batch)
            yield batch

    features, classes = classifier.look(seen()) if classifier else (None, None)
    if classifier is None:
        for _ in seen():
            if len(first) * BATCH >= FEW:
                break
    return Looked(np.concatenate(first)[:FEW], features, classes)


def _scores(real: Looked, drawn: Looked) -> dict[str, float | None]:
    if real.features is None or drawn.features is None or min(len(real.features), len(drawn.features)) < 2:
        return {"fid": None, "kid": None}
    return {"fid": fid(real.features, drawn.features), "kid": kid(real.features, drawn.features)}


def _moments(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of each value over training examples."""
    count, total, squares = 0, 0.0, 0.0
    rows = data.rows["train"]
    for batch in _examples(data, rows[_spread(len(rows))]):
        values = batch.astype(np.float64)
        count, total, squares = count + len(values), total + values.sum(0), squares + np.square(values).sum(0)
    mean = np.asarray(total / count)
    return mean, np.sqrt(np.maximum(squares / count - mean**2, 0))


def _blank(mean: np.ndarray, spread: np.ndarray, count: int) -> Iterator[np.ndarray]:
    """Batches of examples whose values know nothing of one another."""
    rng = np.random.default_rng(BLANK)
    for start in range(0, count, BATCH):
        values = mean + spread * rng.standard_normal((min(BATCH, count - start), *mean.shape))
        yield (np.clip(values, 0, 255) if mean.ndim == 3 else values).astype("float32")


def _bound_of_mean(data: Dataset, rows: np.ndarray, mean: np.ndarray) -> dict[str, float]:
    """The bound of who decodes every example as the mean of the training examples, and so needs no code."""
    losses = [np.asarray(nats(batch, np.broadcast_to(mean.astype("float32"), batch.shape))) for batch in _examples(data, rows)]
    found = float(np.concatenate(losses).astype(np.float64).mean())
    return {"loss": found, "elbo": found, "reconstruction": found, "kl": 0.0}


def codes(opened: Opened, data: Dataset, rows: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """The means of a VAE's codes of some examples, float32 (n, latent)."""
    found, start, encoder = [], 0, opened.model.encoder
    specs = {key: tf.TensorSpec(one.shape, one.dtype) for key, one in _named(encoder.input).items()}
    call = tf.function(
        lambda x: encoder(x if labels is not None else x["image"], training=False)["mean"], input_signature=[specs], autograph=False
    )
    for batch in _examples(data, rows):
        told = {} if labels is None else {"label": tf.constant(labels[start : start + len(batch)], tf.int32)}
        found.append(call({"image": tf.constant(batch), **told}).numpy())
        start += len(batch)
    return np.concatenate(found)


def _named(inputs: Any) -> dict[str, Any]:
    return inputs if isinstance(inputs, dict) else {"image": inputs}


def _units(opened: Opened, data: Dataset, rows: np.ndarray, labels: np.ndarray | None) -> dict[str, Any]:
    """How many numbers of a VAE's code are in use, and the alarm where these are too few."""
    assert isinstance(opened.task, Generation)
    if opened.task.adversarial:
        return {}
    means = codes(opened, data, rows, labels).astype(np.float64)
    kl = float(np.mean(opened.task.outputs(opened.model, *_batch(data, rows, labels))[:, 2]))
    return posterior(means, kl)


def _batch(data: Dataset, rows: np.ndarray, labels: np.ndarray | None) -> tuple[Any, Any]:
    """A batch of examples with what a conditional model is told."""
    x = next(_examples(data, rows[:BATCH]))
    return tf.constant(x), None if labels is None else tf.constant(labels[: len(x)], tf.int32)


def posterior(means: np.ndarray, kl: float) -> dict[str, Any]:
    """`active_units` and `latent_dim` of codes whose means are (n, latent); with an alarm where the decoder passes the code over."""
    active, size = int((means.var(0) > ACTIVE).sum()), means.shape[1]
    told: dict[str, Any] = {"active_units": active, "latent_dim": size}
    if active > FEW_ACTIVE * size and kl > NO_KL:
        return told
    said = f"posterior collapse: {active} of the code's {size} numbers say something of the example, kl {kl:.2f} nats"
    return {**told, "alarms": [f"{said}; a smaller beta, a warmup of it or a weaker decoder may help"]}


def collapse(real: Looked, drawn: Looked, labels: np.ndarray | None, classes: tuple[str, ...]) -> list[str]:
    """Alarms for samples that are much alike, within each class where the model was told them, and for classes that are not drawn."""
    alarms = []
    wanted, found = (_variety(one.values, labels) for one in (real, drawn))
    if found < LITTLE_VARIETY * wanted:
        alarms.append(f"mode collapse: two samples differ by {found:.3g} on average, two real examples by {wanted:.3g}")
    if real.classes is not None and drawn.classes is not None:
        shares = [np.bincount(one, minlength=len(classes)) / len(one) for one in (real.classes, drawn.classes)]
        expected = shares[0] * len(drawn.classes)
        missed = np.flatnonzero((expected >= EXPECTED) & (shares[1] < HARDLY * shares[0]))
        if len(missed):
            told = ", ".join(f"{classes[one]} ({shares[1][one]:.1%}, of real ones {shares[0][one]:.1%})" for one in missed)
            alarms.append(f"mode collapse: hardly or never drawn: {told}")
    return alarms


def _variety(values: np.ndarray, labels: np.ndarray | None) -> float:
    if labels is None:
        return variety(values)
    mine = labels[: len(values)]
    return float(np.mean([variety(values[mine == one]) for one in np.unique(mine)]))
