"""The exporting room: a finished run becomes a bundle, proven without Keras before anybody can see it.

Importing it loads neither TensorFlow nor Keras: the process of the proof does.
"""

from __future__ import annotations

from pathlib import Path

from zoo.bundles import Bundle
from zoo.runs import Run


def export(run: Run, bundles: Path) -> Bundle:
    """Makes the next version of a run's bundle, `bundles/NAME/VERSION/`, and proves every format of it.

    The formats are those of the experiment's `export.formats`; by default SavedModel, and ONNX where the catalogue says that
    it passes.

    Args:
        run: finished and evaluated.
        bundles: the folder that holds `NAME/VERSION`.

    Returns:
        The bundle. It appears whole or not at all, whenever the process is killed.

    Raises:
        ZooError: the run is not finished or not evaluated, a file of it is missing or broken, its data is gone or changed,
            or the folder cannot be written.
        ProofError: a format does not answer as the trained model does; no version is left behind.
    """
    from zoo.exporting.release import release

    return release(run, bundles)


__all__ = ["export"]
