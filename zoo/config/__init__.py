"""Cards and experiments: YAML to checked, frozen, plain data."""

from zoo.config.card import Card
from zoo.config.experiment import Experiment
from zoo.config.load import load_card, load_experiment
from zoo.config.metrics import METRICS

__all__ = ["METRICS", "Card", "Experiment", "load_card", "load_experiment"]
