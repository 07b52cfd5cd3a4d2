"""Sources: where examples come from, a file each. `read(card)` gives every kind in one form."""

from zoo.data.sources.raw import Raw, read

__all__ = ["Raw", "read"]
