"""The training room: experiment -> run."""

from zoo.training.learn import same_run, train

__all__ = ["same_run", "train"]
