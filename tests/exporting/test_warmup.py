"""Warm-up requests and served tensors, as the official API reads and asks them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from zoo.bundles import GOLDEN, WARMUP, Bundle
from zoo.exporting import warmup
from zoo.exporting.golden import Golden


def logs_of(bundle: Bundle) -> list[Any]:
    records = tf.data.TFRecordDataset(str(bundle.path / WARMUP))
    return [prediction_log_pb2.PredictionLog.FromString(record.numpy()) for record in records]


def test_the_official_classes_read_every_request(any_bundle: Bundle) -> None:
    logs, signatures = logs_of(any_bundle), any_bundle.manifest["signatures"]
    assert 0 < len(logs) <= 16
    assert {log.predict_log.request.model_spec.signature_name for log in logs} == set(signatures)
    loaded = tf.saved_model.load(str(any_bundle.path))
    for log in logs:
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        assert request.model_spec.name == any_bundle.name
        assert sorted(request.inputs) == sorted(signatures[request.model_spec.signature_name]["inputs"])
        signature = loaded.signatures[request.model_spec.signature_name]
        answers = signature(**{name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in request.inputs.items()})
        assert sorted(answers) == sorted(any_bundle.manifest["answers"])


def test_neutral_requests_hold_nobodys_values(colour: Bundle) -> None:
    for log in logs_of(colour):
        for tensor in log.predict_log.request.inputs.values():
            values = tf.make_ndarray(tensor)
            pixels = values if values.dtype.kind == "f" else np.stack([tf.io.decode_png(one).numpy() for one in values])
            assert not pixels.any()


@pytest.mark.parametrize("size", [1, 127, 128, 16_383, 16_384, 3_000_000])
def test_the_wire_format_holds_at_every_length(size: int) -> None:
    name = "m" * min(size, 70_000)
    columns = {"a": np.arange(size, dtype=np.float32), "b": np.array(["", "ä"] * 2, object)}
    request = prediction_log_pb2.PredictionLog.FromString(warmup.prediction_log(name, "serving_default", columns)).predict_log.request
    assert request.model_spec.name == name
    np.testing.assert_array_equal(tf.make_ndarray(request.inputs["a"]), columns["a"])
    assert tf.make_ndarray(request.inputs["b"]).tolist() == [b"", "ä".encode(), b"", "ä".encode()]


def test_a_client_of_the_official_api_is_answered(any_bundle: Bundle) -> None:
    """A PredictRequest made from what the manifest says, through the signature, into its tensors of answers."""
    if not any_bundle.manifest["keep_examples"]:
        return
    golden = Golden.load(any_bundle.path / GOLDEN)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = any_bundle.name
    for name, facts in any_bundle.manifest["inputs"].items():
        values = golden.inputs["serving_default"][name]
        request.inputs[name].CopyFrom(tf.make_tensor_proto(values, dtype=facts["dtype"], shape=[golden.size, *facts["shape"]]))
    sent = predict_pb2.PredictRequest.FromString(request.SerializeToString())
    signature = tf.saved_model.load(str(any_bundle.path)).signatures
    answers = signature["serving_default"](**{name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in sent.inputs.items()})
    for name, facts in any_bundle.manifest["answers"].items():
        right = golden.answers["serving_default"][name]
        assert answers[name].dtype.name == facts["dtype"]
        if facts["dtype"] == "string":
            assert [one.decode() for one in answers[name].numpy()] == right.tolist()
        else:
            np.testing.assert_allclose(answers[name], right, atol=1e-5, rtol=1e-5)
