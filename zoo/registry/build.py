"""A name and facts of the data become a keras.Model: everything is checked here, so that builders validate nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from zoo.errors import ZooError, did_you_mean, nearest
from zoo.registry.known import registered
from zoo.registry.weights import load_weights

if TYPE_CHECKING:
    import keras

REFUSALS = (ValueError, TypeError, RuntimeError, ArithmeticError, MemoryError)  # of Keras and NumPy for sizes that cannot be


def create_model(name: str, *, weights: str | Path | None = None, **facts_and_hparams: Any) -> keras.Model:
    """Builds a registered model.

    Args:
        name: a registered name; `list_models()` gives them.
        weights: a file of weights (`.weights.h5`, `.h5` or `.keras`) to load into it, or a name that the family knows
            (`imagenet` of the backbones).
        **facts_and_hparams: the facts that the builder's signature names (`input_shape`, `num_outputs`, or
            `num_classes`, which asks for one output where it is 2), and any of its hparams.

    Returns:
        A plain, uncompiled keras.Model: float32 logits or values out.

    Raises:
        ZooError: unknown name, missing fact, unknown or unfit hparam.
    """
    one = registered(name)
    given = dict(facts_and_hparams)
    if "num_classes" in given and "num_outputs" in one.entry.facts:
        given.setdefault("num_outputs", outputs_for(given.pop("num_classes")))
    facts = {key: given.pop(key) for key in one.entry.facts if key in given}
    missing = [key for key in one.entry.facts if key not in facts and key not in one.entry.optional]
    if missing:
        raise ZooError(f"model '{name}' needs {', '.join(missing)}", f"example: {_call(name, one.entry.example)}")
    for key in given:
        if key not in one.entry.hparams:
            hint = nearest(key, [*one.entry.hparams, *one.entry.facts])
            raise ZooError(f"model '{name}' has no hparam '{key}'", did_you_mean(key, hint or one.entry.hparams))
    facts, hparams = _typed(name, one.builder, facts), _typed(name, one.builder, {**one.entry.hparams, **given})
    if one.check:
        one.check(facts, hparams)
    try:
        model = one.builder(**facts, **hparams)
    except Exception as error:
        if not isinstance(error, REFUSALS) and type(error).__module__.partition(".")[0] != "tensorflow":
            raise  # a bug of the builder's, or a ZooError
        said = re.sub(r"^({{.*?}} *)+", "", next(iter(str(error).splitlines()), type(error).__name__))  # TensorFlow's own names
        raise ZooError(f"model '{name}' cannot be built with {facts}", said) from error
    import keras

    if not isinstance(model, keras.Model):
        raise ZooError(f"the builder of model '{name}' returns a {type(model).__name__}, where a keras.Model is expected")
    model.name = name
    if weights is not None and not (one.pretrained and one.pretrained(model, str(weights), facts, hparams)):
        load_weights(model, Path(weights), name, whole=facts.get("num_outputs") != 0)  # without outputs there is no head to load
    return model


def outputs_for(num_classes: int) -> int:
    """Two classes are one logit; more classes one logit each."""
    if not isinstance(num_classes, int) or num_classes < 2:
        raise ZooError(f"num_classes must be a whole number of at least 2, not {num_classes!r}")
    return 1 if num_classes == 2 else num_classes


def _call(name: str, example: Mapping[str, Any]) -> str:
    return f"create_model('{name}', " + ", ".join(f"{key}={value!r}" for key, value in example.items()) + ")"


def _typed(name: str, builder: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as the builder's annotations want them; what is not annotated passes as it is."""
    from pydantic import TypeAdapter, ValidationError

    hints = get_type_hints(builder, include_extras=True)
    result = {}
    for key, value in values.items():
        try:
            taken = TypeAdapter(hints[key]).validate_python(value) if key in hints else value
            if _is_other(value, taken):
                raise ZooError(f"model '{name}': {key} = {value!r}: input should be a number")
            result[key] = taken
        except ValidationError as error:
            said = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ZooError(f"model '{name}': {key} = {value!r}: {said[0].lower() + said[1:]}") from None
    return result


def _is_other(given: Any, taken: Any) -> bool:
    """Whether pydantic took a truth value or a text for a number, which is a slip where numbers are meant."""
    if isinstance(given, (list, tuple)):
        return isinstance(taken, (list, tuple)) and any(map(_is_other, given, taken))
    if isinstance(given, Mapping):
        return isinstance(taken, Mapping) and any(_is_other(given[key], taken.get(key)) for key in given)
    return isinstance(given, (bool, str)) and isinstance(taken, (int, float)) and not isinstance(taken, bool)
