"""Transfer learning, as an experiment asks for it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from zoo.config.parts import Part


class Transfer(Part):
    """A part of the model is frozen at first, and learns later or never; usually it starts from `model.weights`.

    Phase 1 learns with the part frozen and in inference mode: its normalisations do not move, nothing in it is dropped. Phase 2
    learns with what `unfreeze` names, by a new optimizer. The schedule spans each phase of its own. Early stopping watches the
    last phase only, the best weights are kept over both.

    Attributes:
        freeze: `trunk` (`backbone` or `encoder`; of a model without one all before its head), a layer or an inner network by its
            name (it and all before it), or `all`: then nothing learns, and the model is evaluated as it comes.
        unfreeze: what of it learns in phase 2: `all`, `last_block` (`zoo.layers.trunk.blocks`), the last N layers that can, or a
            layer by its name (it and all after it). null: nothing; there is one phase then, of all epochs.
        warm_epochs: epochs of phase 1; 0 leaves it out. Without phase 2 they are `train.epochs`.
        learning_rate_factor: of phase 2, times `train.optimizer.learning_rate`.
        layer_decay: of phase 2: each block learns so many times as fast as the one after it (the head as asked; the last block
            once, the one before twice, …). Decay of weights goes by the whole rate.
        freeze_batch_norm: whether batch normalisations stay as they are in phase 2, too, in inference mode; else they normalise by
            the batch at once, and what stands behind them meets other numbers than it learned from.
        lora: rank of low-rank adapters (LoRA): the layers that `unfreeze` names learn by them, where Keras has them for a layer,
            and keep their own weights. They are part of the ordinary weights in the end.
    """

    freeze: str = "trunk"
    unfreeze: PositiveInt | str | None = None
    warm_epochs: NonNegativeInt = 3
    learning_rate_factor: PositiveFloat = 0.1
    layer_decay: Annotated[float, Field(gt=0, le=1)] | None = None
    freeze_batch_norm: bool = True
    lora: PositiveInt | None = None

    @model_validator(mode="after")
    def _something_learns_later(self) -> Transfer:
        for key in ("layer_decay", "lora"):
            if getattr(self, key) is not None and self.unfreeze is None:
                raise ValueError(f"{key} is of the layers that learn in phase 2, and unfreeze names none; as unfreeze: all")
        return self

    def check_epochs(self, epochs: int) -> None:
        """Raises ValueError where phase 2 has no epoch."""
        if self.unfreeze is not None and self.warm_epochs >= epochs:
            raise ValueError(
                f"transfer.warm_epochs: {self.warm_epochs} leaves phase 2 none of the {epochs} epochs; give more to train.epochs,"
                " or unfreeze: null for one phase"
            )
