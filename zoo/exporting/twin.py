"""The NumPy twin of a bundle's preprocessing and reading: what stands around `model.onnx`.

It needs NumPy and `preprocess.json`, nothing of keras-zoo, so it may be copied next to an ONNX runtime:

    spec = json.load(open("preprocess.json"))
    outputs = onnxruntime.InferenceSession("model.onnx").run(None, {"features": encode(spec, columns)})
    answers = decode(spec, {"scores": outputs[0]})      # of a regression: "value"
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def knows(fitted: Mapping[str, Any]) -> bool:
    """Whether `encode` can do this preprocessing (`spec["preprocess"]`): ONNX is released for such only."""
    return fitted["kind"] in ("image", "table") or (fitted["kind"] == "text" and "codes" not in fitted)


def encode(spec: Mapping[str, Any], columns: Mapping[str, Any]) -> Any:
    """What `model.onnx` takes as `features`, or by name where it is a dict.

    Args:
        spec: `preprocess.json`.
        columns: raw values by served name: numbers (n,), text (n,), or `image` (n, H, W, C) in the source's units.

    Returns:
        float32 (n, H, W, C) or (n, features); for modality 'table' {"numbers": float32 (n, N), "categories": int32 (n, M)}, for
        'tokens' int32 (n, length).
    """
    fitted = spec["preprocess"]
    if fitted["kind"] == "image":
        return _encode_image(fitted, np.asarray(columns["image"], np.float32))
    if fitted["kind"] == "text":
        return _each(columns["text"], _bag(fitted) if fitted["modality"] == "vector" else _tokens(fitted))
    numbers, places = _numbers(fitted, columns), _places(fitted, columns)
    if fitted["modality"] == "table":
        rows = len(next(iter(columns.values())))
        ints = [place.astype(np.int32)[:, None] for place, _ in places]
        return {
            "numbers": np.concatenate([np.zeros((rows, 0), np.float32), *numbers], axis=-1),
            "categories": np.concatenate([np.zeros((rows, 0), np.int32), *ints], axis=-1),
        }
    return np.concatenate([*numbers, *[_one_hot(place, size) for place, size in places]], axis=-1)


def _encode_image(fitted: Mapping[str, Any], image: np.ndarray) -> np.ndarray:
    pixels = image * np.float32(fitted["scale"]) + np.float32(fitted["offset"])
    if fitted["modality"] == "image":
        return pixels
    return (pixels.reshape(len(pixels), -1) - np.float32(fitted["mean"])) / np.float32(fitted["std"])


def _numbers(fitted: Mapping[str, Any], columns: Mapping[str, Any]) -> list[np.ndarray]:
    """What becomes numbers, in order: float32 (n, …) each."""

    def values(one: Mapping[str, Any]) -> np.ndarray:
        return np.asarray(columns[one["input"]], np.float32)

    numbers, booleans = fitted["numbers"], fitted.get("booleans", ())
    parts = [_number(one, values(one)) for one in numbers if "points" not in one]
    parts += [_number(one, values(one)) for one in numbers if "points" in one]
    parts += [np.isnan(values(one)) for one in numbers if one.get("indicator")]
    parts += [values(one) >= 0.5 for one in booleans]
    parts += [np.isnan(values(one)) for one in booleans]
    parts = [part.astype(np.float32)[:, None] for part in parts]
    parts += [_each(columns[one["input"]], _moment(one)) for one in fitted.get("datetimes", ())]
    return parts + [_each(columns[one["input"]], _bag(one)) for one in fitted.get("texts", ())]


def _number(one: Mapping[str, Any], values: np.ndarray) -> np.ndarray:
    x = np.where(np.isnan(values), np.float32(one["fill"]), values)
    if "clip" in one:
        x = np.clip(x, np.float32(one["clip"][0]), np.float32(one["clip"][1]))
    if "points" in one:
        return _line(x, *(np.array(points, np.float32) for points in one["points"]))
    x = x.astype(np.float64)
    if one.get("scale") == "log":
        x = np.sign(x) * np.log1p(np.abs(x))
    x = ((x - one["mean"]) / one["std"]).astype(np.float32)
    return np.clip(x, np.float32(0), np.float32(1)) if one.get("scale") == "minmax" else x


def _line(x: np.ndarray, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    right = np.clip(np.searchsorted(xs, x), 1, len(xs) - 1)
    share = np.clip((x - xs[right - 1]) / (xs[right] - xs[right - 1]), np.float32(0), np.float32(1))
    return ys[right - 1] + share * (ys[right] - ys[right - 1])


def _places(fitted: Mapping[str, Any], columns: Mapping[str, Any]) -> list[tuple[np.ndarray, int]]:
    """What becomes places, in order: integers (n,), and how many there are, place 0 among them."""
    found: list[tuple[np.ndarray, int]] = []
    for one in fitted.get("bins", ()):
        values = np.asarray(columns[one["input"]], np.float32)
        above = np.searchsorted(np.array(one["edges"], np.float32), values, side="right")
        found.append((np.where(np.isnan(values), 0, above + 1), len(one["edges"]) + 2))
    found += [_looked_up(one, _words(columns[one["input"]])) for one in fitted["categories"]]
    for one in fitted.get("crosses", ()):
        left, right = (_words(columns[name]) for name in one["inputs"])
        pairs = [f"{a}\x1f{b}" if a and b else "" for a, b in zip(left, right, strict=True)]
        found.append(_looked_up(one, pairs))
    return found


def _one_hot(place: np.ndarray, size: int) -> np.ndarray:
    found = np.zeros((len(place), size), np.float32)
    found[np.arange(len(place)), place] = 1
    return found


def _words(values: Any) -> list[str]:
    """Words as they are; of yes and no (float32 1, 0, NaN) the words 1, 0 and ""."""
    if np.asarray(values).dtype.kind == "f":
        return ["" if value != value else "1" if value >= 0.5 else "0" for value in np.asarray(values, np.float32).tolist()]
    return [_word(str(value).strip()) for value in values]


def _word(word: str) -> str:
    return word.lower() if word.lower() in ("true", "false") else word


def _looked_up(one: Mapping[str, Any], words: list[str]) -> tuple[np.ndarray, int]:
    if "buckets" in one:
        known = {word: 1 + siphash(word.encode(), one["salt"]) % one["buckets"] if word else 0 for word in set(words)}
        return np.array([known[word] for word in words]), 1 + one["buckets"]
    place = {word: index + 1 for index, word in enumerate(one["vocabulary"])}
    return np.array([place.get(word, 0) for word in words]), 1 + len(place)


def siphash(word: bytes, key: list[int]) -> int:
    """SipHash-2-4, 64 bits, by a key of two times 64 bits (https://www.aumasson.jp/siphash/siphash.pdf)."""
    whole = (1 << 64) - 1
    state = [key[0] ^ 0x736F6D6570736575, key[1] ^ 0x646F72616E646F6D, key[0] ^ 0x6C7967656E657261, key[1] ^ 0x7465646279746573]

    def turn(value: int, bits: int) -> int:
        return (value << bits | value >> (64 - bits)) & whole

    def rounds(count: int) -> None:
        a, b, c, d = state
        for _ in range(count):
            a, c = (a + b) & whole, (c + d) & whole
            b, d = turn(b, 13) ^ a, turn(d, 16) ^ c
            a, c = (turn(a, 32) + d) & whole, (c + b) & whole
            b, d = turn(b, 17) ^ c, turn(d, 21) ^ a
            c = turn(c, 32)
        state[:] = a, b, c, d

    padded = word + bytes(7 - len(word) % 8) + bytes([len(word) & 255])
    for start in range(0, len(padded), 8):
        part = int.from_bytes(padded[start : start + 8], "little")
        state[3] ^= part
        rounds(2)
        state[0] ^= part
    state[2] ^= 255
    rounds(4)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _each(words: Any, of_one: Callable[[str], np.ndarray]) -> np.ndarray:
    """What a function gives for each word, asked once for equal ones."""
    known: dict[str, np.ndarray] = {}
    for word in map(str, words):
        if word not in known:
            known[word] = of_one(word)
    return np.stack([known[str(word)] for word in words])


def _moment(one: Mapping[str, Any]) -> Callable[[str], np.ndarray]:
    width = 1 + sum(2 if "period" in part else 1 for part in one["parts"])

    def numbers(word: str) -> np.ndarray:
        calendar = _calendar(one, word)
        if calendar is None:
            return np.array([0] * (width - 1) + [1], np.float32)
        found: list[Any] = []
        for part in one["parts"]:
            if "period" in part:
                angle = np.float32(calendar[part["part"]] - part["start"]) * np.float32(2 * np.pi / part["period"])
                found += [np.sin(angle), np.cos(angle)]
            else:
                days = calendar["days"] - part.get("origin", 0) + calendar["seconds"] / 86400
                value = days if part["part"] == "elapsed" else calendar[part["part"]]
                found.append((value - part["mean"]) / part["std"])
        return np.array([*found, 0], np.float32)

    return numbers


def _calendar(one: Mapping[str, Any], word: str) -> dict[str, int] | None:
    """The parts of a moment; None where the text is none."""
    word = word.strip()
    for expression, number in one["words"]:
        word = re.sub(expression, number, word, flags=re.ASCII)
    match = re.fullmatch(one["pattern"], word, flags=re.ASCII)
    if match is None:
        return None
    said = {field: int(value) for field, value in zip(one["fields"], match.groups(), strict=True) if value}
    year, month, day = said.get("year", 1970), said.get("month", 1), said.get("day", 1)
    year += 2000 if year < 69 else 1900 if year < 100 else 0
    hour, half = said.get("hour", 0), said.get("half", 0)
    hour = hour % 12 + 12 * (half - 1) if half else hour
    first = np.datetime64(f"{year:04}-{month:02}", "M")
    date = first.astype("M8[D]") + (day - 1)
    if date.astype("M8[M]") != first:
        return None  # there is no 30th of February
    days, seconds = int(date.astype(int)), hour * 3600 + said.get("minute", 0) * 60 + said.get("second", 0)
    of_year = days - int(np.datetime64(f"{year:04}-01-01", "D").astype(int)) + 1
    parts = {"year": year, "month": month, "day": day, "weekday": (days + 3) % 7, "hour": hour, "minute": said.get("minute", 0)}
    return {**parts, "day_of_year": of_year, "days": days, "seconds": seconds}


def _bag(one: Mapping[str, Any]) -> Callable[[str], np.ndarray]:
    place = {word: index for index, word in enumerate(one["vocabulary"])}

    def counts(text: str) -> np.ndarray:
        words, found = _split(text.lower() if one["lower"] else text), np.zeros(len(place), np.float32)
        for length in range(1, one["ngrams"] + 1):
            for start in range(len(words) - length + 1):
                run = " ".join(words[start : start + length])
                if run in place:
                    found[place[run]] += 1
        return np.log1p(found)

    return counts


def _split(text: str) -> list[str]:
    parted = (letter if letter == "_" or unicodedata.category(letter)[0] in "LMN" else " " for letter in text)
    return [word for word in "".join(parted).split(" ") if word]


def _tokens(one: Mapping[str, Any]) -> Callable[[str], np.ndarray]:
    kind, length = one["tokens"], one["length"]
    place = {token: index + 2 for index, token in enumerate(one["vocabulary"])}
    longest = max(map(len, place), default=1)

    def pieces(word: str) -> list[int]:
        start, found = 0, list[int]()
        while start < len(word) and len(found) < min(length, 32):
            size = next((size for size in range(longest, 0, -1) if start + size <= len(word) and word[start : start + size] in place), 1)
            found.append(place.get(word[start : start + size], 1))
            start += size
        return found

    def numbers(text: str) -> np.ndarray:
        text = text.strip() if kind in ("byte", "character") else text
        text = text.lower().replace("\0", " ") if one["lower"] else text
        if kind == "byte":
            found = [byte + 2 for byte in text.encode()[:length]]
        elif kind == "subword":
            found = [number for word in _split(text)[:length] for number in pieces("\u2581" + word)]
        else:
            found = [place.get(token, 1) for token in (_split(text) if kind == "word" else text)[:length]]
        return np.array(found[:length] + [0] * (length - len(found)), np.int32)

    return numbers


def decode(spec: Mapping[str, Any], outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The named answers, from those of `model.onnx`.

    Args:
        spec: `preprocess.json`.
        outputs: `scores` float32 (n, classes), or `value` float32 (n,) or (n, targets).

    Returns:
        `label`, `probability` and `scores`; or `value`.
    """
    if "scores" not in outputs:
        return dict(outputs)
    reading, scores = spec["reading"], outputs["scores"]
    if reading.get("multilabel"):
        holds = scores >= np.array(reading["thresholds"], np.float32)
        texts = [reading["separator"].join(np.array(reading["classes"])[row]) for row in holds]
        return {"label": np.array(texts), "probability": np.where(holds, scores, 1 - scores).prod(-1), "scores": scores}
    binary = len(reading["classes"]) == 2
    index = (scores[:, 1] >= np.float32(reading["threshold"])).astype(int) if binary else scores.argmax(-1)
    return {"label": np.array(reading["classes"])[index], "probability": scores[np.arange(len(scores)), index], "scores": scores}
