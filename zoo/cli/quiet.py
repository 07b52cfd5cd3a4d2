"""TensorFlow without its own talk: what it prints while it loads tells a user nothing, and no setting silences it."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile

CHATTY = ("absl", "tensorflow", "tf2onnx")


def tensorflow() -> None:
    """Loads TensorFlow with the file descriptor of stderr put aside: abseil writes to it before any level holds.

    Who has set `TF_CPP_MIN_LOG_LEVEL` below 3 wants to hear it, and does. What was caught is printed where the import fails.
    """
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
    if "tensorflow" in sys.modules or os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices("GPU")  # looks for drivers, and complains that there are none
        except KeyboardInterrupt:
            raise KeyboardInterrupt("nothing was started") from None  # what was caught is half a sentence, and nobody's fault
        except BaseException:
            os.dup2(stderr, 2)
            caught.seek(0)
            shutil.copyfileobj(caught, sys.stderr.buffer)
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
