"""The tuning room: an experiment and a space become trials, and the best of them an experiment.

Importing it loads neither TensorFlow nor Keras.
"""

from zoo.tuning.folder import SearchFolder, all_searches, best_of
from zoo.tuning.trials import Trial

__all__ = ["SearchFolder", "Trial", "all_searches", "best_of"]
