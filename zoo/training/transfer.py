"""Transfer learning: which layers learn in which phase, at which rate, and the features of a frozen trunk, computed once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras

from zoo.assembly import Assembled, compile_model
from zoo.config.transfer import Transfer
from zoo.errors import ZooError, did_you_mean
from zoo.layers import trunk
from zoo.training import features, lora

log = logging.getLogger("zoo")

SHOWN = 8  # names of layers in a line


@dataclass(frozen=True)
class Phase:
    """Some epochs of a training, in which the same layers learn.

    Attributes:
        number: 0, or 1 of the second.
        first, end: the epoch it begins with, counted from 0, and the one before which it ends.
        frozen: layers that do not learn.
        adapted: layers that learn by adapters only.
        factor: of the learning rate.
        rates: by the id of a layer how many times as fast it learns; 1 where it is not named.
        last: whether no phase follows.
    """

    number: int
    first: int
    end: int
    frozen: tuple[Any, ...] = ()
    adapted: tuple[Any, ...] = ()
    factor: float = 1.0
    rates: dict[int, float] | None = None
    last: bool = True


def plan(assembled: Assembled) -> list[Phase]:
    """The phases of a training; one where no transfer is asked for.

    Raises:
        ZooError: the model has no such layer, none that could learn, or learns in a way of its own.
    """
    part, epochs, model = assembled.experiment.transfer, assembled.experiment.train.epochs, assembled.model
    if part is None:
        return [Phase(0, 0, epochs)]
    if type(model).train_step is not keras.Model.train_step:
        raise ZooError(f"model '{model.name}' is trained in a way of its own, with nothing frozen", "leave transfer out")
    if assembled.experiment.model.weights is None:
        log.warning("note: transfer freezes weights that nobody trained: model.weights is null")
    frozen = _frozen(model, part)
    thawed = _thawed(model, frozen, part)
    if part.unfreeze is None:
        if part.freeze != "all":
            _check_learns(model, frozen, part, epochs)
        return [Phase(0, 0, epochs, tuple(frozen))]
    adapted = lora.adaptable(thawed, model.name) if part.lora else []
    learning = {id(one) for one in (adapted or _learners(thawed, part))}
    still = tuple(one for one in frozen if id(one) not in learning and (one.weights or one not in thawed))
    rates = _rates(model, thawed, part.layer_decay)
    second = Phase(1, part.warm_epochs, epochs, still, tuple(adapted), part.learning_rate_factor, rates)
    if not part.warm_epochs:
        return [second]
    _check_learns(model, frozen, part, part.warm_epochs)
    return [Phase(0, 0, part.warm_epochs, tuple(frozen), last=False), second]


def _check_learns(model: keras.Model, frozen: Sequence[Any], part: Transfer, epochs: int) -> None:
    """Raises ZooError where every layer that has weights is frozen."""
    if not any(one.trainable_weights for one in trunk.leaves(model) if one not in frozen):
        raise ZooError(
            f"transfer.freeze: {part.freeze} leaves no layer of '{model.name}' that could learn in the {epochs} frozen epochs",
            "unfreeze some (transfer.unfreeze: last_block) and begin with that (transfer.warm_epochs: 0), or freeze up to a layer's name",
        )


def add_adapters(assembled: Assembled, phases: Sequence[Phase]) -> None:
    """Adds the adapters that the phases ask for, before the first of them: the model's weights are the same in all."""
    adapted, part = phases[-1].adapted, assembled.experiment.transfer
    if adapted and part and part.lora:
        lora.enable(adapted, part.lora, assembled.experiment.train.seed)


def _frozen(model: keras.Model, part: Transfer) -> list[Any]:
    if part.freeze in ("all", "trunk"):
        return trunk.leaves(model) if part.freeze == "all" else trunk.trunk(model)
    try:
        return trunk.up_to(model, part.freeze)
    except ZooError as error:
        raise ZooError(f"transfer.freeze: {error.what}", *error.details, "trunk names all before the head of any model") from None


def _thawed(model: keras.Model, frozen: Sequence[Any], part: Transfer) -> list[Any]:
    """The end of the frozen layers that learns in phase 2."""
    learners = {id(one) for one in _learners(frozen, part)}
    weighted = [place for place, one in enumerate(frozen) if id(one) in learners]
    wanted = part.unfreeze
    if wanted is None:
        return []
    if not weighted:
        raise ZooError(f"transfer.freeze: {part.freeze} names no layer of '{model.name}' that can learn: there is nothing to unfreeze")
    if wanted == "all":
        return list(frozen)
    if wanted == "last_block":
        return trunk.blocks(model, list(frozen))[-1]
    if isinstance(wanted, int):
        if wanted > len(weighted):
            raise ZooError(f"transfer.unfreeze: {wanted} layers, and the frozen part of '{model.name}' has {len(weighted)} that can learn")
        return list(frozen[weighted[-wanted] :])
    known = {name: place for name, place in trunk.places(model).items() if place.start < len(frozen)}
    if wanted not in known or known[wanted].start > weighted[-1]:
        names = {"all", "last_block", *(frozen[place].name for place in weighted)}
        where = f"the frozen part of '{model.name}'"
        raise ZooError(f"transfer.unfreeze: '{wanted}' names no layer that can learn in {where}", did_you_mean(wanted, names))
    return list(frozen[known[wanted].start :])


def _learners(layers: Iterable[Any], part: Transfer) -> list[Any]:
    still = (keras.layers.BatchNormalization,) if part.freeze_batch_norm else ()
    return [one for one in layers if one.weights and not isinstance(one, still)]


def _rates(model: keras.Model, thawed: Sequence[Any], decay: float | None) -> dict[int, float] | None:
    if decay is None:
        return None
    found = reversed(trunk.blocks(model, list(thawed)))
    return {id(one): decay**place for place, block in enumerate(found, start=1) for one in block}


@contextmanager
def begun(phase: Phase, assembled: Assembled, restore: Callable[[], None] = lambda: None) -> Iterator[Assembled]:
    """What is fitted in a phase: the model with its layers frozen and a new optimizer, or its head on features computed once.

    `restore` is called when the model and its optimizer stand, before anything is computed with them.
    """
    if assembled.experiment.transfer is None:
        restore()
        yield assembled
        return
    model = assembled.model
    every = trunk.leaves(model)
    given = [(one, one.trainable) for one in every]
    weights = [(weight, weight.trainable) for one in every for weight in one.weights]
    _set_learning(given, phase)
    with still(phase.frozen):
        compile_model(assembled, model, epochs=phase.end - phase.first, factor=phase.factor)
        restore()
        fitted = features.assembled(assembled, phase.frozen) if not phase.number else None
        _slow_down(model, every, phase.rates)
        _tell(phase, assembled, every, fitted is not None)
        yield fitted or assembled
    for one, trainable in given:
        one.trainable = trainable
    for weight, trainable in weights:
        weight.trainable = trainable


def _set_learning(given: Iterable[tuple[Any, bool]], phase: Phase) -> None:
    for one, trainable in given:
        one.trainable = trainable and one not in phase.frozen
        if one in phase.adapted:
            lora.only_adapters_learn(one)


@contextmanager
def still(frozen: Iterable[Any]) -> Iterator[None]:
    """Layers, and those inside them, are called as in inference: `trainable` alone keeps normalisations, not dropout.

    A functional model hands `training` on to all its layers, whatever each was told when it was built (Keras 3.15).
    """
    inside = {id(one): one for outer in frozen for one in outer._flatten_layers()}.values()
    quiet = [one for one in inside if features.heeds_training(one)]
    for one in quiet:
        vars(one)["call"] = _inferring(one.call)
    try:
        yield
    finally:
        for one in quiet:
            vars(one).pop("call")


def _inferring(call: Any) -> Any:
    def inferred(*args: Any, **kwargs: Any) -> Any:
        return call(*args, **{**kwargs, "training": False})

    return inferred


def _slow_down(model: keras.Model, every: Iterable[Any], rates: dict[int, float] | None) -> None:
    """Gives each layer's weights their own learning rate."""
    if rates is None:
        return
    of = {id(weight): rates[id(one)] for one in every if id(one) in rates for weight in one.trainable_weights}
    scales = [of.get(id(weight), 1.0) for weight in model.trainable_weights]
    optimizer = model.optimizer
    update = optimizer.update_step

    def slowed(gradient: Any, variable: Any, learning_rate: Any) -> None:
        update(gradient, variable, learning_rate * scales[optimizer._get_variable_index(variable)])

    vars(optimizer)["update_step"] = slowed


def tell_start(assembled: Assembled) -> None:
    """Says what was taken from another run."""
    began = assembled.started_from or {}
    if "run" in began:
        fresh = [*began["fresh"][:SHOWN], *["…"] * (len(began["fresh"]) > SHOWN)]
        log.info("took %s from %s%s", began["taken"], began["run"], f"; fresh: {', '.join(fresh)}" if fresh else "")


def _tell(phase: Phase, assembled: Assembled, every: Iterable[Any], kept: bool) -> None:
    weighted = [one for one in every if one.weights]
    learning = sum(bool(one.trainable_weights) for one in weighted)
    rate = assembled.experiment.train.optimizer.learning_rate * phase.factor
    by = f" at {rate:g}" if learning else ""
    how = ", on features computed once" if kept else f", {len(phase.adapted)} by adapters" if phase.adapted else ""
    log.info("phase %d from epoch %d: %d of %d layers learn%s%s", phase.number + 1, phase.first + 1, learning, len(weighted), by, how)
