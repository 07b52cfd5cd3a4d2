"""What every task has: how an output is learned and read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from zoo.config.experiment import TaskChoice

Reading = dict[str, Any]


@dataclass(frozen=True)
class Signature:
    """A function of a trained model that is served beside, or instead of, the answers to examples.

    Attributes:
        inputs: by name: shape of one row without the batch, and dtype. Empty: it takes examples, as the model is given them.
        answers: names and dtypes.
        call: tensors by name (or the examples) -> answers by name, float32 or text; it is traced.
        golden: a few rows of inputs, by which an export is proven; needless where it takes examples.
    """

    inputs: Mapping[str, tuple[tuple[int, ...], str]]
    answers: Mapping[str, str]
    call: Callable[[Any], dict[str, Any]]
    golden: Callable[[], dict[str, np.ndarray]] | None = None


class Task(ABC):
    """An output, learned and read. What a subclass leaves as it is suits a model whose outputs are its answers.

    Args:
        target: as the preprocessing was fitted: `{classes, …}`, `{mean, std, unit, …}` or `{columns, horizon, …}`.
        choice: what the experiment says of the task.
        input_shape: of one example as the model takes it; of a table those of its parts by name.
    """

    name: ClassVar[str]
    baseline_name: ClassVar[str]
    answers_examples: bool = True  # whether what is served by default is the answers to examples
    normal: int | None = None  # the one class that is learned; None: all rows are

    @abstractmethod
    def __init__(self, target: dict[str, Any], choice: TaskChoice | None = None, input_shape: Any = None) -> None: ...

    def see(self, model: keras.Model) -> None:
        """Is shown the model, once that is built and before it learns or answers: what a task gives may depend on it.

        Raises:
            ZooError: the model is none for this task.
        """
        return

    def lacks(self, metric: str) -> str | None:
        """Why this model's metrics will not hold one of the task's, or what to do for it; None where they will."""
        return None

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What the model's builder must know (`num_outputs`; `horizon`, `num_targets`, `season`)."""

    @property
    @abstractmethod
    def output_shape(self) -> tuple[int, ...] | None:
        """Of the model, without the batch; None where it is the model's own affair."""

    def pair(self, x: Any, y: Any) -> tuple[Any, Any]:
        """A batch as `fit` takes it, of what the model takes and the encoded target; TensorFlow."""
        return x, y

    @abstractmethod
    def loss(self, imbalance: str | None = None) -> keras.Loss | None:
        """For `compile`; None where the model brings its own."""

    @abstractmethod
    def metrics(self, imbalance: str | None = None) -> list[keras.Metric]:
        """What Keras logs each epoch beside the loss."""

    def check(self, val: Any) -> None:
        """Raises ZooError where val's encoded target lacks what the task needs of it; asked before training, where a class is `normal`."""
        return

    def outputs(self, model: keras.Model, features: Any, y: Any = None) -> Any:
        """What the other methods know of some examples, float32 (batch, …): the model's output, or what is computed of it.

        `y`, the encoded target, is given where outputs are measured, not where they are served.
        """
        return ops.cast(model(features, training=False), "float32")

    @abstractmethod
    def losses(self, outputs: np.ndarray, y: Any) -> np.ndarray:
        """The loss of each example, float64 (n,)."""

    @abstractmethod
    def fit_reading(self, outputs: np.ndarray, y: Any) -> Reading:
        """What `reading.json` holds, from val."""

    @abstractmethod
    def served(self) -> dict[str, str]:
        """The answers' names and dtypes."""

    @abstractmethod
    def read(self, outputs: Any, reading: Reading) -> dict[str, Any]:
        """The named answers, as TensorFlow in the exported graph."""

    def numbers(self, outputs: Any, reading: Reading) -> dict[str, Any]:
        """The part of `read` without text, for ONNX: all of it, where there is none."""
        return self.read(outputs, reading)

    def signatures(self, model: keras.Model, reading: Reading) -> dict[str, Signature]:
        """What is served beside the answers to examples, by name."""
        return {}

    @abstractmethod
    def measure(self, outputs: np.ndarray, y: Any, answers: dict[str, np.ndarray]) -> dict[str, Any]:
        """The metrics of NAMES; None where one cannot be computed."""

    @abstractmethod
    def baseline(self, y_train: Any, y: Any) -> np.ndarray | None:
        """Outputs of whoever looks at no input, for the examples of y; a forecast's knows the values before y. None: nobody's."""

    def more_baselines(self, y_train: Any, y: Any) -> dict[str, np.ndarray]:
        """Outputs of what else the metrics stand beside, by name; read as the baseline's."""
        return {}

    @abstractmethod
    def baseline_reading(self) -> Reading:
        """How the baseline's outputs are read."""
