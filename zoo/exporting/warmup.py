"""Warm-up requests: what TensorFlow Serving replays before it lets anybody use a version.

A TFRecord file of PredictionLog messages. The official classes (`tensorflow_serving.apis`) cost seconds and a package of their
own, and a request needs six fields of them, so the messages are composed here by protobuf's wire format
(https://protobuf.dev/programming-guides/encoding/); a test reads them with the official classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from zoo.exporting.golden import Arrays

# field numbers of tensorflow_serving/apis/{prediction_log,predict,model}.proto
PREDICTION_LOG_PREDICT_LOG = 6
PREDICT_LOG_REQUEST = 1
PREDICT_REQUEST_MODEL_SPEC, PREDICT_REQUEST_INPUTS = 1, 2
MODEL_SPEC_NAME, MODEL_SPEC_SIGNATURE = 1, 3
MAP_KEY, MAP_VALUE = 1, 2
LENGTH_DELIMITED = 2  # the wire type of texts, bytes and messages


def write(path: Path, name: str, inputs: dict[str, Arrays]) -> None:
    """Writes one request of a single row and one of all rows for each signature: both kinds of batch get warm."""
    with tf.io.TFRecordWriter(str(path)) as file:
        for signature, columns in inputs.items():
            for part in _batches(columns):
                file.write(prediction_log(name, signature, part))


def _batches(columns: Arrays) -> Iterator[Arrays]:
    for size in sorted({1, len(next(iter(columns.values())))}):
        yield {name: values[:size] for name, values in columns.items()}


def prediction_log(name: str, signature: str, columns: Arrays) -> bytes:
    """A serialised PredictionLog that asks `signature` of the model `name`."""
    model = _field(MODEL_SPEC_NAME, name.encode()) + _field(MODEL_SPEC_SIGNATURE, signature.encode())
    request = _field(PREDICT_REQUEST_MODEL_SPEC, model)
    for column, values in columns.items():
        tensor = tf.make_tensor_proto(values).SerializeToString()
        request += _field(PREDICT_REQUEST_INPUTS, _field(MAP_KEY, column.encode()) + _field(MAP_VALUE, tensor))
    return _field(PREDICTION_LOG_PREDICT_LOG, _field(PREDICT_LOG_REQUEST, request))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | LENGTH_DELIMITED) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the high bit says that more follow."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
