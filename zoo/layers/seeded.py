"""A layer that draws numbers, and whose place in the stream of draws is kept."""

from __future__ import annotations

from typing import Any

import keras


class Seeded(keras.Layer):
    """Has a `seed_generator`, whose state is among the model's variables and is saved with it: Keras itself saves it nowhere.

    Args:
        seed: where the draws begin; None draws that too.
    """

    def __init__(self, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        store["seed_state"] = self.seed_generator.state

    def load_own_variables(self, store: Any) -> None:
        self.seed_generator.state.assign(store["seed_state"])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}
