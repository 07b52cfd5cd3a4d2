"""An experiment: card + model + task + train + goal + export, as plain frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
    field_validator,
    model_serializer,
    model_validator,
)

from zoo.config.card import Card
from zoo.config.metrics import split_metric
from zoo.config.parts import Choice, Fraction, Named, Part, Seed
from zoo.config.preparing import Augment, Preprocess
from zoo.config.search import Search
from zoo.config.transfer import Transfer

# What each optimizer has beside learning_rate and clip_norm, with Keras's own defaults.
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adamw": {"weight_decay": 0.004, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    "adam": {"weight_decay": 0.0, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "amsgrad": False},
    "sgd": {"weight_decay": 0.0, "momentum": 0.0, "nesterov": False},
    "rmsprop": {"weight_decay": 0.0, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-7},
    "adagrad": {"weight_decay": 0.0, "epsilon": 1e-7},
    "adadelta": {"weight_decay": 0.0, "rho": 0.95, "epsilon": 1e-7},
    "adamax": {"weight_decay": 0.0, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    "nadam": {"weight_decay": 0.0, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    "lion": {"weight_decay": 0.0, "beta_1": 0.9, "beta_2": 0.99},
}
SCHEDULES: dict[str, dict[str, Any]] = {
    "constant": {},
    "cosine": {"end": 0.0},
    "exponential": {"end": 0.01},
    "plateau": {"factor": 0.1, "patience": 3},
}


class ModelChoice(Named):
    """A registered model by name; every further key is one of its hparams."""

    model_config = ConfigDict(extra="allow")

    name: str
    weights: str | None = None

    @property
    def hparams(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


ClassName = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) and not isinstance(value, bool) else value)]


class TaskChoice(Named):
    """A task by name. What a forecast is made of may be told here; else the card's `series` says it.

    `threshold`, of two classes, is the metric of val that the threshold is the best for; default: `f1_macro`. Of reconstruction it is the
    quantile of val's scores from which an example is an anomaly (default: 0.99), or `f1`, the best on val, where anomalies are known.
    `normal` is the class that a reconstruction learns; all others are anomalies then. `classifier` is the experiment whose newest
    finished run looks at generated images: their FID and KID are of its features. `importance_samples` are the draws of a code by which a
    VAE's likelihood `nll` is measured.
    """

    name: Literal["classification", "regression", "forecasting", "reconstruction", "generation", "language"]
    horizon: PositiveInt | None = None
    history: PositiveInt | None = None
    season: PositiveInt | None = None
    threshold: Literal["f1_macro", "accuracy", "f1"] | Annotated[float, Field(gt=0, lt=1)] | None = None
    normal: ClassName | None = None
    classifier: str | None = None
    importance_samples: PositiveInt | None = None

    @field_validator("threshold", mode="before")
    @classmethod
    def _is_a_quantile(cls, value: Any) -> Any:
        if isinstance(value, (int, float)) and not 0 < value < 1:
            raise ValueError(f"a quantile lies between 0 and 1, as 0.99; {value} does not")
        return value

    @model_serializer(mode="wrap")
    def _said_only(self, handler: Any) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value is not None}


class Optimizer(Choice):
    """A Keras optimizer by name, with its own settings beside the common ones. `clip_norm` is of all gradients together."""

    name: Literal["adamw", "adam", "sgd", "rmsprop", "adagrad", "adadelta", "adamax", "nadam", "lion"] = "adamw"
    learning_rate: PositiveFloat = 1e-3
    clip_norm: PositiveFloat | None = None
    weight_decay: NonNegativeFloat | None = None
    momentum: Fraction | None = None
    nesterov: bool | None = None
    beta_1: Fraction | None = None
    beta_2: Fraction | None = None
    rho: Fraction | None = None
    epsilon: PositiveFloat | None = None
    amsgrad: bool | None = None

    @classmethod
    def table(cls) -> dict[str, dict[str, Any]]:
        return OPTIMIZERS


class Schedule(Choice):
    """How the learning rate moves; `warmup` is the fraction of all steps in which it rises from 0.

    cosine falls to `end` times the rate; exponential falls to it by a constant factor a step; plateau multiplies by `factor`
    when val.loss has not improved for `patience` epochs.
    """

    name: Literal["constant", "cosine", "exponential", "plateau"] = "constant"
    warmup: Fraction = 0.0
    end: Annotated[float, Field(ge=0, le=1)] | None = None
    factor: Annotated[float, Field(gt=0, lt=1)] | None = None
    patience: PositiveInt | None = None

    @classmethod
    def table(cls) -> dict[str, dict[str, Any]]:
        return SCHEDULES

    @model_validator(mode="after")
    def _reaches_its_end(self) -> Schedule:
        if self.name == "exponential" and self.end == 0:
            raise ValueError("exponential never reaches an end of 0; give a small number, as 0.01")
        return self


class EarlyStopping(Part):
    """Stops when `monitor` has not improved by `min_delta` for `patience` epochs."""

    monitor: str = "val.loss"
    patience: PositiveInt = 5
    min_delta: NonNegativeFloat = 0.0


LAST = "last"


class Train(Part):
    """How the weights are learned.

    The best weights by `keep_best` are kept (default: the early stopping's monitor; of a GAN, and with `last`, those of the last
    epoch that went well).
    """

    epochs: PositiveInt = 20
    batch_size: PositiveInt = 64
    seed: Seed = 1
    optimizer: Optimizer = Field(default_factory=lambda: Optimizer.model_validate({}))
    schedule: Schedule = Field(default_factory=lambda: Schedule.model_validate({}))
    early_stopping: EarlyStopping | None = EarlyStopping()
    keep_best: str | None = None
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    threads: PositiveInt | None = None
    deterministic: bool = False
    steps_per_execution: PositiveInt | None = None
    tensorboard: bool = True

    @property
    def best_metric(self) -> str:
        """The metric by which the kept weights are chosen."""
        return self.keep_best or (self.early_stopping.monitor if self.early_stopping else "val.loss")


class Goal(Part):
    """What the experiment is for: a metric that must reach a value."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> Goal:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("a goal has either at_least or at_most")
        return self

    def met(self, value: float) -> bool:
        return value >= self.at_least if self.at_least is not None else self.at_most is not None and value <= self.at_most

    def reached(self, metrics: Mapping[str, Any]) -> tuple[float | None, bool]:
        """The goal's value in `metrics.json`, and whether it is met; a metric that could not be computed meets nothing."""
        split, metric = split_metric(self.metric)
        value = metrics[split].get(metric)
        return value, value is not None and self.met(value)

    def __str__(self) -> str:
        sign, bound = (">=", self.at_least) if self.at_least is not None else ("<=", self.at_most)
        return f"{self.metric} {sign} {bound:g}"


class Export(Part):
    """Formats of the bundle; without a list, SavedModel, and ONNX where the catalogue says that it passes."""

    formats: Annotated[tuple[Literal["saved_model", "onnx"], ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _saved_model_is_there(self) -> Export:
        if self.formats is not None and "saved_model" not in self.formats:
            raise ValueError("formats must hold saved_model: a bundle is what TF Serving reads")
        return self


class Experiment(Part):
    """One run, described. `zoo.config.load_experiment` fills in every default and checks the names."""

    dataset: str | Card
    model: ModelChoice
    task: TaskChoice | None = None
    train: Train = Field(default_factory=Train)
    preprocess: Preprocess | None = None
    augment: Augment | None = None
    imbalance: Literal["class_weight", "oversample", "undersample", "focal"] | None = None
    transfer: Transfer | None = None
    goal: Goal | None = None
    search: Search | None = None
    export: Export = Export()

    _name: str = PrivateAttr("inline")
    _card: Card | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _each_phase_has_epochs(self) -> Experiment:
        if self.transfer:
            self.transfer.check_epochs(self.train.epochs)
        return self

    @property
    def name(self) -> str:
        return self._name

    @property
    def card(self) -> Card:
        """The dataset's card, loaded with the experiment."""
        if self._card is None:
            raise RuntimeError("an Experiment made by hand has no card; load it with zoo.config.load_experiment")
        return self._card
