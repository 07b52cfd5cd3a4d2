"""Anomalies by reconstruction: what is learned, thresholds, points and events by hand, figures, and the same answers when served."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from reconstructed import DIGITS, finished
from sklearn import metrics

import zoo
from zoo.assembly import assemble, load_keras, open_run
from zoo.config import load_card, load_experiment
from zoo.config.experiment import TaskChoice
from zoo.data import prepare
from zoo.data.windows import ANOMALIES, SERIES, Windows
from zoo.errors import ZooError
from zoo.evaluation import anomalies
from zoo.exporting import export
from zoo.jobs.answers import predict
from zoo.runs import read_json
from zoo.tasks.reconstruction import Reconstruction, best_f1
from zoo.training import train

POINTS = ("f1", "precision", "recall", "roc_auc")


def answers_of(run, split="test"):
    told = pd.read_parquet(run.path / "predictions.parquet")
    return told[told["split"] == split]


class TestWhatIsLearned:
    def test_normal_rows_alone_are_learned_and_watched_and_all_rows_are_judged(self, ones):
        assembled = assemble(load_experiment(DIGITS))
        for split in ("train", "val"):
            rows = assembled.data.rows[split]
            assert len(assembled.learning[split]) == (assembled.data.raw.target[rows] == 1).sum() < len(rows)
        assert len(answers_of(ones)) == len(assembled.data.rows["test"])

    def test_val_loss_is_that_of_normal_rows_in_history_and_metrics_alike(self, ones):
        best = ones.history[ones.history["epoch"] == ones.facts["best_epoch"]].iloc[0]
        assert ones.metrics["val"]["loss"] == pytest.approx(best["val.loss"], rel=1e-4)
        said = answers_of(ones, "val")
        assert said.loc[said["target"] == "1", "score"].mean() == pytest.approx(ones.metrics["val"]["loss"], rel=1e-4)

    def test_a_penalty_on_activities_is_no_part_of_val_loss(self, tmp_path):
        experiment = {**DIGITS, "model": {"name": "autoencoder_sparse", "latent_dim": 8}, "task": "reconstruction"}
        run = train(load_experiment(experiment, {"train.epochs": 1}), runs=tmp_path)
        assembled = assemble(run.experiment)
        model = load_keras(run.path / "model.keras")
        images = assembled.data.graph({"image": assembled.data.raw.features["image"][assembled.data.rows["val"]].astype(np.float32)})
        error = np.square((model(images, training=False) - images) / 255).mean()
        assert run.history["val.loss"].iloc[0] == pytest.approx(error, rel=1e-4)
        assert run.history["loss"].iloc[0] > run.history["val.loss"].iloc[0]
        assert "task_loss" not in run.history

    def test_pixels_count_as_fractions(self, ones):
        assert 0 < ones.metrics["test"]["loss"] < 0.1
        assert ones.metrics["baseline"]["test"]["loss"] < 0.2

    def test_a_tables_rows_need_no_labels(self, tmp_path):
        """Without a normal class nothing is an anomaly to anybody, and everything copes."""
        experiment = {
            "dataset": "diabetes",
            "model": {"name": "vae_dense", "hidden": [8], "latent_dim": 3},
            "task": {"name": "reconstruction", "threshold": 0.9},
            "train": {"epochs": 1, "tensorboard": False},
        }
        run = finished(experiment, tmp_path)
        test = run.metrics["test"]
        assert test["loss"] > 0
        assert [test[name] for name in (*POINTS, *anomalies.EVENTS)] == [None] * 7
        assert answers_of(run, "val")["anomaly"].mean() == pytest.approx(0.1, abs=0.02)
        opened = open_run(run)
        columns = {name: np.zeros(3, np.float32) for name in opened.takes("encoder")}
        found = opened.call("encoder", opened.tensors("encoder", columns))["embedding"]
        assert np.array_equal(found, opened.model.encoder(opened.graph(opened.tensors("encoder", columns)))["mean"])
        assert "Test rows, the worst first" in (run.path / "report.html").read_text()


class TestThresholds:
    def test_the_quantile_is_of_vals_normal_scores(self):
        task = Reconstruction({"classes": ["a", "b"]}, TaskChoice(name="reconstruction", normal="b", threshold=0.75), (4,))
        outputs = np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [99.0]], np.float32)
        assert task.fit_reading(outputs, np.array([1, 1, 1, 1, 1, 0]))["threshold"] == 3.0

    def test_the_best_f1_beats_every_other_threshold(self):
        rng = np.random.default_rng(1)
        for _ in range(20):
            wrong = rng.random(40) < 0.3
            wrong[0] = True
            scores = np.round(rng.random(40) + 0.4 * wrong, 1)  # many are equal
            best = max(metrics.f1_score(wrong, scores > threshold) for threshold in (-1, *np.unique(scores)))
            assert metrics.f1_score(wrong, scores > best_f1(scores, wrong)) == pytest.approx(best)

    def test_it_is_kept_and_applied(self, ones):
        reading, said = read_json(ones.path / "reading.json"), answers_of(ones)
        assert reading["by"] == "f1"
        assert (said["anomaly"] == (said["score"] > np.float32(reading["threshold"]))).all()
        val = answers_of(ones, "val")
        assert reading["threshold"] == pytest.approx(best_f1(val["score"].to_numpy(np.float64), (val["target"] != "1").to_numpy()))


class TestPoints:
    def test_they_are_scikit_learns(self, ones):
        said, test = answers_of(ones), ones.metrics["test"]
        wrong = said["target"] != "1"
        assert test["f1"] == pytest.approx(metrics.f1_score(wrong, said["anomaly"]))
        assert test["precision"] == pytest.approx(metrics.precision_score(wrong, said["anomaly"]))
        assert test["recall"] == pytest.approx(metrics.recall_score(wrong, said["anomaly"]))
        assert test["roc_auc"] == pytest.approx(metrics.roc_auc_score(wrong, said["score"]))
        assert test["roc_auc"] > 0.9
        assert test["event_f1"] is None  # images follow one another in no time

    def test_the_baseline_is_the_mean_of_what_was_learned(self, ones):
        data = ones.dataset
        images, target = data.raw.features["image"], data.raw.target
        mean = images[data.rows["train"]][target[data.rows["train"]] == 1].mean(0)
        test = data.rows["test"]
        scores = np.square((images[test] - mean) * data.spec["scale"] / 255).mean((1, 2, 3))
        told = ones.metrics["baseline"]["test"]
        assert told["loss"] == pytest.approx(scores[target[test] == 1].mean(), rel=1e-4)
        assert told["roc_auc"] == pytest.approx(metrics.roc_auc_score(target[test] != 1, scores), abs=1e-4)
        assert told["f1"] is not None


def made(labelled, alarmed, *, length=4, series=((0, 30),)):
    """Events of windows over crafted series: steps that are labelled, and windows, by their first step, that give an alarm."""
    marks = np.zeros(series[-1][1], bool)
    marks[labelled] = True
    starts = np.concatenate([np.arange(low, high - length + 1) for low, high in series])
    which = np.repeat(np.arange(len(series)), [high - low - length + 1 for low, high in series])
    windows = Windows(np.zeros((len(marks), 1), np.float32), starts, length)
    raw = SimpleNamespace(features={"series": windows}, beside={SERIES: which, ANOMALIES: Windows(marks, starts, length)})
    return anomalies.events(SimpleNamespace(raw=raw), np.arange(len(starts)), np.isin(starts, alarmed))


class TestEvents:
    def test_one_alarm_that_holds_a_labelled_step_finds_the_event(self):
        found = made([10, 11, 12], [7])
        assert found["events"] == {"labelled": 1, "found": 1, "false_alarms": 0}
        assert made([10, 11, 12], [6])["events"] == {"labelled": 1, "found": 0, "false_alarms": 1}
        assert found["event_f1"] == found["event_precision"] == found["event_recall"] == 1

    def test_several_alarms_in_one_event_count_once_and_a_false_one_counts_as_one(self):
        found = made([10, 11, 12], [8, 10, 12, 20, 21, 22, 24])
        assert found["events"] == {"labelled": 1, "found": 1, "false_alarms": 2}
        assert found["event_precision"] == pytest.approx(1 / 3)
        assert found["event_f1"] == pytest.approx(0.5)

    def test_two_events_are_two_though_a_window_holds_both(self):
        assert made([10, 12], [9])["events"] == {"labelled": 2, "found": 2, "false_alarms": 0}
        assert made([10, 12], [8])["event_recall"] == 0.5

    def test_no_run_goes_from_one_series_into_the_next(self):
        found = made([14, 15], [11, 15], series=((0, 15), (15, 30)))
        assert found["events"] == {"labelled": 2, "found": 2, "false_alarms": 0}
        assert made([2], [11, 15], series=((0, 15), (15, 30)))["events"]["false_alarms"] == 2

    def test_without_a_labelled_event_or_an_alarm(self):
        assert set(made([], [3]).values()) == {None}
        assert made([3], [])["event_precision"] == 0

    def test_a_trained_run_finds_its_own(self, days):
        test = days.metrics["test"]
        assert test["events"]["labelled"] == test["events"]["found"] == 1
        assert test["event_recall"] == 1
        assert test["roc_auc"] > 0.9
        assert days.metrics["val"]["event_f1"] is None  # nothing is labelled there
        assert test["loss"] < days.metrics["baseline"]["test"]["loss"]


def test_the_artificial_days_of_numenta_hold_their_two_labelled_windows():
    try:
        data = prepare(load_card("nab"))
    except ZooError as error:
        pytest.skip(error.what)
    labelled = [anomalies._runs(marks) for _, marks, _ in anomalies._each_series(data, data.rows["test"])]
    assert [len(one) for one in labelled] == [0, 1, 1]
    for split in ("train", "val"):
        assert not data.raw.target[data.rows[split]].any()


class TestFigures:
    def test_series_and_images_have_their_own(self, ones, days):
        assert {path.stem for path in (days.path / "figures").iterdir()} == {
            "learning_curves", "anomalies", "scores", "reconstructions", "embedding",
        }  # fmt: skip
        assert {path.stem for path in (ones.path / "figures").iterdir()} == {"learning_curves", "scores", "reconstructions", "embedding"}

    def test_the_report_shows_them_and_says_what_was_learned(self, ones, days):
        page = (days.path / "report.html").read_text()
        assert "to reconstruct what is normal" in page
        for name in ("anomalies", "scores", "reconstructions", "embedding"):
            assert f'id="{name}"' in page
        assert "event_recall" in page
        assert "to reconstruct what is 1" in (ones.path / "report.html").read_text()

    def test_a_long_line_keeps_its_spikes(self):
        values = np.zeros(50_000)
        values[31_234], values[31_240] = 9, -9
        x, y = anomalies._thinned(np.arange(50_000), values)
        assert len(x) <= anomalies.POINTS
        assert y[x == 31_234] == 9
        assert y[x == 31_240] == -9
        assert (np.diff(x) >= 0).all()

    def test_codes_of_two_numbers_are_shown_as_they_are(self):
        codes = np.random.default_rng(0).normal(size=(9, 3))
        assert np.array_equal(anomalies._flat(codes[:, :2])[0], codes[:, :2])
        assert anomalies._flat(codes[:, :1])[0].shape == (9, 2)
        points, share = anomalies._flat(codes)
        assert points.shape == (9, 2)
        assert share[0] >= share[1] > 0


class TestServed:
    def test_of_images_run_bundle_and_onnx_answer_alike(self, ones, tmp_path):
        bundle = export(ones, bundles=tmp_path)
        assert set(bundle.proof) == {"saved_model", "onnx"}
        assert {path.name for path in bundle.formats.glob("*.onnx")} == {"model.onnx", "encoder.onnx"}
        assert bundle.manifest["signatures"]["encoder"]["answers"] == ["embedding"]
        data = ones.dataset
        images, said = data.raw.features["image"][data.rows["test"]], answers_of(ones)
        for model in (ones, bundle):
            found = predict(model, images)
            assert list(found) == ["score", "anomaly"]
            assert found["anomaly"].tolist() == said["anomaly"].tolist()
            np.testing.assert_allclose(found["score"], said["score"], rtol=1e-4)

    def test_of_series_files_run_and_bundle_answer_alike(self, days, tmp_path):
        bundle = export(days, bundles=tmp_path)
        assert set(bundle.proof) == {"saved_model"}  # nothing but TensorFlow prepares series
        data = days.dataset
        windows = data.raw.features["series"][data.rows["test"]]
        np.save(tmp_path / "new.npy", windows)
        pd.DataFrame({"load": windows[0, :, 0]}).to_csv(tmp_path / "one.csv", index=False)
        by_run, by_bundle = (predict(model, tmp_path / "new.npy") for model in (days, bundle))
        assert list(by_run) == ["row", "score", "anomaly"]
        assert by_run["anomaly"].tolist() == by_bundle["anomaly"].tolist() == answers_of(days)["anomaly"].tolist()
        np.testing.assert_allclose(by_run["score"], by_bundle["score"], rtol=1e-4)
        one = predict(bundle, tmp_path / "one.csv")
        assert one["score"][0] == pytest.approx(by_run["score"][0], rel=1e-4)


class TestBadInput:
    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"task.normal": "eleven"}, "'eleven' is no class"),
            ({"task.normal": None}, "needs to know what an anomaly is"),
            ({"task.threshold": 1.5}, "threshold"),
            ({"task.threshold": "accuracy"}, "a quantile of val's scores"),
            ({"dataset": "diabetes"}, "have none"),
            ({"train.keep_best": "val.event_f1"}, "no metric of reconstruction to choose here"),
            ({"model": "cnn_small"}, "does not learn reconstruction"),
        ],
    )
    def test_it_is_told_when_the_experiment_is_read(self, changes, said):
        with pytest.raises(ZooError) as told:
            load_experiment(DIGITS, changes)
        assert said in " ".join([told.value.what, *map(str, told.value.details)])

    def test_a_normal_class_of_a_card_that_lists_none(self):
        with pytest.raises(ZooError, match="'eleven' is no class of the target 'digit'"):
            Reconstruction({"name": "digit", "classes": ["1", "2"]}, TaskChoice(name="reconstruction", normal="eleven"), (4,))

    def test_f1_where_val_holds_no_anomaly_is_told_before_training(self, days):
        experiment = load_experiment(days.experiment, {"task.threshold": "f1"})
        with pytest.raises(ZooError, match="f1 needs anomalies in val"):
            assemble(experiment)

    def test_a_goal_that_needs_anomalies_is_told_before_training(self, tmp_path):
        changes = {"task": "reconstruction", "goal": {"metric": "test.f1", "at_least": 0.5}}
        with pytest.raises(ZooError) as told:
            train(load_experiment(DIGITS, changes), runs=tmp_path)
        assert told.value.details == ("name the class that is no anomaly: task.normal",)

    def test_no_val_split_no_threshold(self):
        split = {"kind": "fixed", "train": [0, 900], "val": [900, 903], "test": [903, 1797]}
        card = load_card("digits").model_dump() | {"split": split}
        with pytest.raises(ZooError, match="the val split of 'inline' holds no example of '1'"):
            assemble(load_experiment({**DIGITS, "dataset": card}))
        with pytest.raises(ZooError, match="val"):
            load_experiment({**DIGITS, "dataset": card | {"split": {"kind": "random", "val": 0}}})


def test_the_command_line_ends_with_the_threshold(ones, capsys):
    from zoo.cli import summary

    summary.show(ones)
    told = capsys.readouterr().out
    assert "an anomaly above" in told
    assert "training mean" in told
    assert zoo.load_run(str(ones.path)).reading["normal"] == "1"
