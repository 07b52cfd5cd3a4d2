"""TensorBoard's HParams of a search, in `events/`: one description of the experiment, and a session a trial.

Written as the records that TensorBoard reads, by its own messages: its writers would load TensorFlow into whoever leads a search.
Each file is made whole of what the folder holds, so that writing it again changes nothing.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from zoo.config.space import Axis
from zoo.runs import make_folder, write_atomically
from zoo.tuning import trials as kept
from zoo.tuning.folder import SearchFolder
from zoo.tuning.scales import written
from zoo.tuning.trials import COMPLETED, FAILED, PRUNED, Trial

FOLDER = "events"
FILE = "events.out.tfevents.0.zoo"  # TensorBoard looks for the middle of it
CURVE = "epochs"  # before the objective's name: what it was after each epoch; the name alone is the score


def write_events(folder: SearchFolder, trials: Sequence[Trial] | None = None) -> None:
    """Writes the experiment and every trial that ended; what stands there already is left as it is.

    Args:
        folder: the search's.
        trials: its trials, or those that have just ended; else they are read.

    Raises:
        ZooError: the folder cannot be written.
    """
    began = (folder.path / "experiment.yaml").stat().st_mtime if (folder.path / "experiment.yaml").is_file() else 0.0
    _write(folder.path / FOLDER / FILE, [_event(began, 0, _experiment(folder, began))])
    for trial in folder.trials() if trials is None else trials:
        if trial.ended:
            _write(folder.path / FOLDER / f"{trial.number:04d}" / FILE, _session(folder, trial))


def _write(path: Path, events: Iterable[Any]) -> None:
    """Records as TensorBoard reads them, where they are not there yet."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    events, buffer = list(events), io.BytesIO()
    writer = RecordWriter(buffer)
    for event in [Event(wall_time=events[0].wall_time, file_version="brain.Event:2"), *events]:
        writer.write(event.SerializeToString(deterministic=True))
    if not path.is_file() or path.read_bytes() != buffer.getvalue():
        make_folder(path.parent)
        write_atomically(path, lambda temporary: _write_bytes(temporary, buffer.getvalue()))


def _write_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _event(wall_time: float, step: int, value: Any) -> Any:
    from tensorboard.compat.proto.event_pb2 import Event

    event = Event(wall_time=wall_time, step=step)
    event.summary.value.append(value)
    return event


def _experiment(folder: SearchFolder, began: float) -> Any:
    """The keys with their domains, and the objective as the metric."""
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    metrics = [api_pb2.MetricInfo(name=api_pb2.MetricName(tag=folder.objective), display_name=folder.objective)]
    keys = [_key(key, [axis for axis in folder.space.axes if axis.key == key]) for key in folder.keys]
    experiment = api_pb2.Experiment(
        description=f"search of {folder.name}", time_created_secs=began, hparam_infos=keys, metric_infos=metrics
    )
    return _told(metadata.EXPERIMENT_TAG, plugin_data_pb2.HParamsPluginData(experiment=experiment))


def _key(key: str, axes: Sequence[Axis]) -> Any:
    from tensorboard.plugins.hparams import api_pb2

    info, kind = api_pb2.HParamInfo(name=key, display_name=key), _kind(axes)
    info.type = getattr(api_pb2, f"DATA_TYPE_{ {'bool': 'BOOL', 'number': 'FLOAT64', 'string': 'STRING'}[kind] }")
    if any(not axis.choices for axis in axes):
        ends = [end for axis in axes for end in axis.ends]
        if kind == "number":
            info.domain_interval.min_value, info.domain_interval.max_value = min(ends), max(ends)
        return info
    for choice in dict.fromkeys(_plain(value, kind) for axis in axes for value in axis.choices):
        info.domain_discrete.values.add(**{f"{kind}_value": choice})
    return info


def _kind(axes: Sequence[Axis]) -> str:
    """What TensorBoard takes the values of a key for: bool, number or string."""
    if all(axis.choices and all(isinstance(one, bool) for one in axis.choices) for axis in axes):
        return "bool"
    return "number" if all(axis.ordered for axis in axes) else "string"


def _plain(value: Any, kind: str) -> Any:
    return value if kind == "bool" else float(value) if kind == "number" else written(value)


def _session(folder: SearchFolder, trial: Trial) -> Iterable[Any]:
    """The values of a trial, its curve, its score at the last step, and how it ended."""
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    ended = (folder.of(trial.number) / kept.FILE).stat().st_mtime
    start = plugin_data_pb2.SessionStartInfo(group_name=f"{trial.number:04d}", start_time_secs=ended - trial.seconds)
    for key, value in trial.values.items():
        kind = _kind([axis for axis in folder.space.axes if axis.key == key])
        start.hparams[key].MergeFrom(_protobuf_value(**{f"{kind}_value": _plain(value, kind)}))
    yield _event(ended, 0, _told(metadata.SESSION_START_INFO_TAG, plugin_data_pb2.HParamsPluginData(session_start_info=start)))
    for epoch, score in enumerate(trial.curve, 1):
        if score is not None:
            yield _event(ended, epoch, _scalar(f"{CURVE}/{folder.objective}", score))
    if trial.score is not None:
        yield _event(ended, max(len(trial.curve), trial.trained), _scalar(folder.objective, trial.score))
    status = {COMPLETED: api_pb2.STATUS_SUCCESS, PRUNED: api_pb2.STATUS_SUCCESS, FAILED: api_pb2.STATUS_FAILURE}[trial.state]
    end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=ended)
    yield _event(ended, 0, _told(metadata.SESSION_END_INFO_TAG, plugin_data_pb2.HParamsPluginData(session_end_info=end)))


def _protobuf_value(**given: Any) -> Any:
    from google.protobuf.struct_pb2 import Value

    return Value(**given)


def _told(tag: str, data: Any) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import metadata

    return Summary.Value(tag=tag, metadata=metadata.create_summary_metadata(data), tensor=metadata.NULL_TENSOR)


def _scalar(tag: str, value: float) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.types_pb2 import DT_FLOAT
    from tensorboard.plugins.scalar.metadata import create_summary_metadata

    told = create_summary_metadata(display_name=tag, description="")
    return Summary.Value(tag=tag, metadata=told, tensor=TensorProto(dtype=DT_FLOAT, float_val=[value]))
