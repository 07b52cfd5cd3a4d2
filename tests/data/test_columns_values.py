"""What each way of preparing a column does to values, beside NumPy, scikit-learn and Python's own calendar."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError
from sklearn.preprocessing import QuantileTransformer, RobustScaler

from zoo.config.features import DatetimeFeature
from zoo.config.preparing import NumberWay, settings
from zoo.data import prepare, preprocess
from zoo.data.preprocess import categories, dates, numbers, table
from zoo.data.preprocess.layers import Bins
from zoo.errors import ZooError
from zoo.exporting.twin import siphash

DATE_PARTS = ["year", "month", "day", "weekday", "hour", "minute", "day_of_year"]


def number(values, **way):
    """A column of numbers, fitted on `values`: the function from such to what the model takes, float32 (n, …)."""
    values = np.asarray(values, np.float32)
    one = {"name": "a", "input": "a", **numbers.fit(values, settings("number", NumberWay(**way)))}
    graph = table.graph({"kind": "table", "modality": "vector", "numbers": [one], "categories": []})
    return one, lambda given: np.asarray(graph({"a": tf.constant(np.asarray(given, np.float32))}))


HOLED = [3.0, np.nan, -1.0, 10.0, 2.0, np.nan, 7.0]
KNOWN = np.array([3.0, -1.0, 10.0, 2.0, 7.0])


@pytest.mark.parametrize(("fill", "value"), [("median", 3.0), ("mean", 4.2), (0.5, 0.5), (-7, -7.0)])
def test_fill(fill, value):
    _, encode = number(HOLED, fill=fill, scale="none")
    np.testing.assert_allclose(encode([np.nan, 2.0])[:, 0], [value, 2.0], rtol=1e-6)


def test_indicator():
    _, encode = number(HOLED, indicator=True, scale="none")
    assert encode([np.nan, 3.0]).tolist() == [[3.0, 1.0], [3.0, 0.0]]


def test_clip_comes_before_the_statistics():
    one, encode = number([0.0, 1.0, 2.0, 1e9], clip=(0, 2), scale="standard")
    assert one["mean"] == 1.25
    assert encode([-5.0]) == encode([0.0])
    assert encode([1e20]) == encode([2.0])
    with pytest.raises(ValidationError, match="rising"):
        NumberWay(clip=(2, 1))


def test_scales():
    values = np.random.default_rng(0).lognormal(0, 2, 500).astype(np.float32)
    _, minmax = number(values, scale="minmax")
    assert (minmax(values).min(), minmax(values).max()) == (0, 1)
    assert minmax([-1e9, 1e9]).tolist() == [[0.0], [1.0]]
    _, robust = number(values, scale="robust")
    np.testing.assert_allclose(robust(values), RobustScaler().fit_transform(values[:, None]), rtol=1e-5, atol=1e-6)
    _, log = number(-values, scale="log")
    expected = -np.log1p(values.astype(np.float64))
    np.testing.assert_allclose(log(-values)[:, 0], (expected - expected.mean()) / expected.std(), atol=1e-6)


def test_quantiles_make_it_normal():
    values = np.random.default_rng(0).lognormal(0, 2, 5000).astype(np.float32)
    _, encode = number(values, scale="quantile")
    found = encode(values)[:, 0]
    right = QuantileTransformer(n_quantiles=1000, output_distribution="normal").fit_transform(values[:, None].astype(float))[:, 0]
    middle = np.abs(right) < 2
    np.testing.assert_allclose(found[middle], right[middle], atol=0.01)
    assert encode([-1e30, values.min()]).tolist() == [encode([0.0])[0].tolist()] * 2
    assert 3 < encode([1e30])[0, 0] < 3.5
    repeated = np.repeat([0.0, 1.0], [90, 10])
    _, tied = number(repeated, scale="quantile")
    low, high = tied([0.0, 1.0])[:, 0]
    assert (low, high) == (pytest.approx(-0.1257, abs=1e-3), pytest.approx(1.6449, abs=1e-3))  # normal at 0.45 and 0.95


@pytest.mark.parametrize("scale", ["standard", "minmax", "robust", "log", "quantile"])
def test_what_never_changes_stays_0(scale):
    _, encode = number([5.0, np.nan, 5.0], scale=scale)
    np.testing.assert_allclose(encode([5.0, np.nan])[:, 0], 0, atol=1e-12)


def test_robust_with_one_value_in_the_middle():
    one, _ = number([0.0] * 90 + [1.0] * 10, scale="robust")
    assert one["std"] == pytest.approx(0.3)


def test_bins_hold_as_many_each():
    values = np.random.default_rng(0).lognormal(0, 2, 1000).astype(np.float32)
    way = settings("number", NumberWay(bins=5))
    fitted = numbers.fit_bins(values, way)
    places = np.asarray(Bins(fitted["edges"])(tf.constant(values)))
    assert np.bincount(places).tolist() == [0, 200, 200, 200, 200, 200]
    assert np.asarray(Bins(fitted["edges"])(tf.constant([np.nan, -1e30, 1e30], tf.float32))).tolist() == [0, 1, 5]
    few = numbers.fit_bins(np.array([0, 0, 0, 0, 1, 2], np.float32), way)
    assert all(edge > 0 for edge in few["edges"])
    assert numbers.fit_bins(np.array([3, 3], np.float32), way) == {"edges": []}
    assert np.asarray(Bins([])(tf.constant([1.0, np.nan]))).tolist() == [1, 0]


def words(*counts):
    return np.array([word for word, count in counts for _ in range(count)], object)


def category(found, **way):
    return categories.fit("c", found, {**settings("category"), **way})


def test_vocabularies():
    found = words(("a", 5), ("b", 3), ("c", 3), ("d", 1), ("", 9), (categories.UNKNOWN, 2))
    assert category(found) == {"vocabulary": ["a", "b", "c", "d"]}
    assert category(found, min_count=3) == {"vocabulary": ["a", "b", "c"]}
    assert category(found, vocabulary=2) == {"vocabulary": ["a", "b"]}
    assert category(found, vocabulary=3, min_count=4) == {"vocabulary": ["a"]}
    with pytest.raises(ZooError, match="no word of it stands 6 times"):
        category(found, min_count=6)


def test_half_a_character_is_unknown():
    found = words(("a", 1), ("caf\udce9", 2))
    assert category(found) == {"vocabulary": ["a"]}
    lookup = categories.lookup(category(found), "c")
    assert np.asarray(lookup(preprocess.as_tensor(found))).tolist() == [1, 0, 0]
    assert np.asarray(lookup(tf.constant([b"\xff\xfe", b"a"]))).tolist() == [0, 1]


@pytest.mark.parametrize("word", ["a", "abcdefg", "abcdefgh", "größe", "😀" * 40, "x" * 1000])
def test_buckets_are_siphash(word):
    one = category(words((word, 1)), hash=1000)
    assert categories.size(one) == 1001
    places = np.asarray(categories.lookup(one, "c")(tf.constant(["", word])))
    assert places.tolist() == [0, 1 + siphash(word.encode(), one["salt"]) % 1000]
    assert places[1] == 1 + tf.strings.to_hash_bucket_strong(word, 1000, one["salt"]).numpy()


def test_siphash_is_the_papers():
    key = [int.from_bytes(bytes(range(start, start + 8)), "little") for start in (0, 8)]
    assert siphash(bytes(range(15)), key) == 0xA129CA6149BE45E5  # appendix A


def test_a_cross_is_a_pair():
    yes = np.array([1, 0, np.nan, 1], np.float32)
    colour = np.array(["red", "red", "red", ""], object)
    assert categories.joined(colour, yes).tolist() == ["red\x1f1", "red\x1f0", "", ""]
    layer = categories.Cross()([tf.constant(colour.tolist()), tf.constant(yes)])
    assert [one.decode() for one in layer.numpy()] == categories.joined(colour, yes).tolist()


@pytest.mark.parametrize("first", [dt.date(1899, 12, 25), dt.date(1969, 12, 20), dt.date(2000, 2, 20), dt.date(2100, 2, 20)])
def test_the_calendar_is_pythons(first):
    days = [first + dt.timedelta(days=step) for step in range(400)]
    found, known = dates.read(np.array([f"{day}T13:05" for day in days], object), dates.reading(None))
    assert known.all()
    right = [[day.year, day.month, day.day, day.weekday(), 13, 5, day.timetuple().tm_yday] for day in days]
    assert np.stack([found[part] for part in DATE_PARTS], -1).tolist() == right
    assert found["days"].tolist() == [(day - dt.date(1970, 1, 1)).days for day in days]
    assert set(found["seconds"].tolist()) == {13 * 3600 + 5 * 60}


@pytest.mark.parametrize(
    "word",
    ["2020-01-02", "2020-01", "2020-01-02 03:04", "2020-01-02T03:04:05", "2020-01-02t03:04:05.678Z", "2020-01-02 03:04:05,6 UTC",
     "2020-01-02T03:04+05:30", "2020-01-02T03:04:05-0800", " 2020-01-02\n", "2020-01-02T23:59:60",
     "2020", "20200102", "2020/1/2", "2020-01-02T03", "20200102T030405", "2020-1-2 3:04"],
)  # fmt: skip
def test_iso_is_read(word):
    found, known = dates.read(np.array([word], object), dates.reading(None))
    assert known.all()
    assert (found["year"], found["month"]) == (2020, 1)
    assert found["hour"] == (23 if "23" in word else 3 if "3" in word else 0)  # the clock's, in whatever zone


@pytest.mark.parametrize(
    "word",
    ["", "junk", "2020-13-01", "2020-00-01", "2020-01-32", "2021-02-29", "1900-02-29", "2020010", "202", "20201", "02/01/2020",
     "2020-01-02T24:00", "2020-01-02T03:60", "2020-01-02 03:04 pm", "٢٠٢٠-٠١-٠٢", "0000-01-01", "2020-01-02x", "\x00"],
)  # fmt: skip
def test_what_is_no_moment(word):
    assert not dates.read(np.array([word], object), dates.reading(None))[1].any()


FORMATS = ["%d.%m.%Y %H:%M:%S", "%m/%d/%y %I:%M %p", "%b %d, %Y", "%A, %d. %B %Y at %H:%M", "%Y%m%d", "%Y-%m-%dT%H:%M:%S.%f", "%d%b%Y"]


@pytest.mark.parametrize("written", FORMATS)
def test_formats_are_strptimes(written):
    moments = [dt.datetime(1969, 1, 1) + dt.timedelta(days=97 * step, minutes=413 * step) for step in range(200)]
    texts = [moment.strftime(written) for moment in moments]
    found, known = dates.read(np.array(texts, object), dates.reading(written))
    assert known.all()
    right = [dt.datetime.strptime(text, written) for text in texts]
    stamps = [[m.year, m.month, m.day, m.weekday(), m.hour, m.minute, m.timetuple().tm_yday] for m in right]
    assert np.stack([found[part] for part in DATE_PARTS], -1).tolist() == stamps


def test_formats_that_are_none():
    wrong = (("%Q", "%Q"), ("%s", "%s"), ("%Y-%", "has %, which"), ("%Y %y", "year twice"), ("year", "nothing of a moment"))
    for written, why in (*wrong, ("", "nothing")):
        with pytest.raises(ValidationError, match=why):
            DatetimeFeature(format=written)
    for written in ("%d.%m.%Y %H:%M", "%I %p %%", None):
        assert DatetimeFeature(format=written).format == written


def moment(found, **way):
    fitted = dates.fit("d", np.array(found, object), None, settings("datetime") | way)
    return lambda given: np.asarray(dates.Moment(**fitted)(tf.constant(given)))


def test_december_is_near_january():
    encode = moment(["2020-01-01"], parts=("month", "weekday"))
    december, january, june = encode(["2020-12-01", "2021-01-01", "2021-06-01"])[:, :2]
    assert np.linalg.norm(december - january) < 0.6 < np.linalg.norm(december - june)
    assert encode(["2020-01-06", "2020-01-13"])[0, 2:].tolist() == [0, 1, 0] == encode(["2020-01-13"])[0, 2:].tolist()


def test_elapsed_days_are_standardised():
    found = ["2020-01-01", "2020-01-01T12:00", "", "2020-01-02"]
    encode = moment(found, parts=("elapsed",))
    days = np.array([0, 0.5, 1])
    np.testing.assert_allclose(encode(found)[[0, 1, 3], 0], (days - 0.5) / days.std(), rtol=1e-6)
    assert encode(["", "2020-02-30"]).tolist() == [[0, 1], [0, 1]]


def test_a_cell_that_is_no_moment_is_told():
    with pytest.raises(ZooError, match=r"column 'd' holds '14\.2\.2020', which is no moment of ISO 8601 \(2 such") as told:
        moment(["2020-01-01", "", "14.2.2020", "x"])
    assert "format" in str(told.value.details)


def regression(csv_card, values, scale):
    text = "a,y\n" + "".join(f"{row},{value}\n" for row, value in enumerate(values))
    return prepare(csv_card(text, columns={"a": "number"}, task="regression", preprocess={"target": {"scale": scale}}))


@pytest.mark.parametrize("scale", ["standard", "log", "none"])
def test_a_target_goes_there_and_back(csv_card, scale):
    from zoo.tasks import make

    values = np.random.default_rng(0).lognormal(3, 2, 60).round(3)
    data = regression(csv_card, values, scale)
    task = make("regression", data.spec["target"])
    y = preprocess.encode_target(data.spec, data.raw.target)
    reading = task.fit_reading(y[:, None], y)
    said = task.read(tf.constant(y[:, None]), reading)["value"].numpy()
    np.testing.assert_allclose(said, data.raw.target, rtol=1e-5, atol=1e-4)
    measured = task.measure(y[:, None] + 0.1, y, {"value": said + 1})
    assert measured["mae"] == pytest.approx(1, rel=1e-3)  # in the target's own units
    learned = {"standard": data.raw.target, "log": np.log1p(data.raw.target), "none": data.raw.target}[scale]
    train = learned[data.rows["train"]]
    mean, std = (0.0, 1.0) if scale == "none" else (train.mean(), train.std())
    np.testing.assert_allclose(y, (learned - mean) / std, rtol=1e-5, atol=1e-6)
    baseline = task.read(tf.constant(task.baseline(y[data.rows["train"]], y)), task.baseline_reading())["value"].numpy()
    np.testing.assert_allclose(baseline, data.raw.target[data.rows["train"]].mean(), rtol=1e-4)
    logged = task.metrics()[0]
    logged.update_state(y[:, None], preprocess.encode_target(data.spec, data.raw.target + 2)[:, None])
    assert float(logged.result()) == pytest.approx(2, rel=1e-3)


def test_a_logarithm_of_nothing_is_refused(csv_card):
    with pytest.raises(ZooError, match=r"holds -1, and log\(1 \+ value\) needs values above -1"):
        regression(csv_card, [1, 2, 3, -1] * 10, "log")
