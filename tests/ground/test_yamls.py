"""YAML is plain data as YAML 1.2 has it, with lines; what is not plain is refused with a line of text."""

from __future__ import annotations

import math

import pytest

from zoo.config import yamls
from zoo.errors import ZooError

NASTY = [
    *["", " ", "  a", "a  ", "~", "null", "Null", "true", "True", "FALSE", "tRue", "on", "off", "no", "yes", "y", "12:30", "2001-01-01"],
    *["1", "-1", "+1", "01", "1_000", "0x1F", "0o17", "0b1", "1.", ".5", "1e-3", "1E5", ".inf", "-.INF", ".nan", "1" * 5000],
    *["a: b", "# x", "a #b", "- x", "[a]", "{a}", "'", '"', "''", "!!str x", "&a", "*a", "?", "|", ">", "%", "@", "`", "<<", "=", ","],
    *["\n", "a\n", "a\n\nb", "\r\n", "\t", "\x00", "\x1b", "\x7f", "\x85", "\u2028", "\ufeff", "é", "日本", "😀", "a" * 300, "x y " * 60],
]


@pytest.mark.parametrize("text", NASTY, ids=lambda text: ascii(text)[:20])
def test_text_comes_back_as_it_went(text):
    data = {"key": text, "list": [text, "b"], "inner": {text: 1}}
    assert yamls.parse(yamls.dump(data), "a test").value == data


@pytest.mark.parametrize("number", [1e-5, 1e-3, 0.1, 1.0, -0.0, 1e16, 1e22, 1e300, 5e-324, 123456789.123, math.inf, -math.inf])
def test_a_float_comes_back_as_a_float(number):
    data = {"key": number, "list": [number]}
    back = yamls.parse(yamls.dump(data), "a test").value
    assert back == data
    assert isinstance(back["key"], float)
    assert isinstance(back["list"][0], float)


def test_what_else_is_plain_comes_back_too():
    shared = [1, 2]
    data = {"none": None, "yes": True, "no": False, "int": -7, "empty": {}, "nothing": [], "a": shared, "b": shared, "deep": [[{"x": [1]}]]}
    written = yamls.dump(data)
    assert yamls.parse(written, "a test").value == data
    assert "&" not in written
    assert math.isnan(yamls.parse(yamls.dump({"a": math.nan}), "a test").value["a"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("1e-3", 1e-3), ("1.0e-3", 1e-3), ("1E+2", 100.0), (".5", 0.5), ("5.", 5.0), ("-.inf", -math.inf), ("0x1F", 31), ("0o17", 15)],
        *[("017", 17), ("+3", 3), ("on", "on"), ("off", "off"), ("no", "no"), ("yes", "yes"), ("y", "y"), ("true", True), ("False", False)],
        *[
            ("~", None),
            ("null", None),
            ("", None),
            ("12:30", "12:30"),
            ("2001-01-01", "2001-01-01"),
            ("1_000", "1_000"),
            ("'1'", "1"),
            ('"null"', "null"),
        ],
    ],
)
def test_scalars_are_those_of_yaml_1_2(text, value):
    read = yamls.parse(f"key: {text}", "a test").value["key"]
    assert read == value
    assert type(read) is type(value)


def test_keys_are_words_as_they_stand():
    assert yamls.parse("on: 1\nno: 2\n3: 4\n1e3: 5\nnull: 6", "a test").value == {"on": 1, "no": 2, "3": 4, "1e3": 5, "null": 6}


def test_every_key_and_item_has_its_line():
    document = yamls.parse("a: 1\nb:\n  c:\n    - 5\n    - d: 6\n# words\ne: {f: 1,\n  g: 2}\n", "x.yaml")
    assert [document.line(path) for path in [("a",), ("b",), ("b", "c"), ("b", "c", 0), ("b", "c", 1, "d"), ("e", "g")]] == [
        1,
        2,
        3,
        4,
        5,
        8,
    ]
    assert document.line(("b", "c", 1, "not there")) == 5
    assert document.at(("b", "c", 1, "d")) == "x.yaml, line 5"
    assert document.at(()) == "x.yaml"
    assert yamls.Document({"a": 1}, "the experiment").at(("a",)) == "the experiment"


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n"
    for before, name in zip("abcd", "bcde", strict=True)  # 100,000 values
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: the key 'a' stands twice (first in line 1)"),
        ("a: {b: 1, b: 2}", "line 1: the key 'b' stands twice"),
        ("a: 1\nb: !!python/object/apply:os.system [echo]", "line 2: the tag '!!python/object/apply:os.system' is not allowed"),
        ("a: !mine 3", "is not allowed"),
        ("a: !!binary aGk=", "is not allowed"),
        ("a: !!set {x}", "is not allowed"),
        (BOMB, "once its aliases are unfolded"),
        ("a: &a [*a]", "an alias holds itself"),
        ("a: &a {b: *a}", "an alias holds itself"),
        ("[" * 5000, "nested too deeply"),
        ("a: " + "[" * 900 + "]" * 900, "nested too deeply"),
        ("a: \x00", "a character that YAML does not allow"),
        ("a: *nothing", "undefined alias"),
        ("a: b: c", "line 1: does not parse"),
        ("a: [1, 2", "does not parse"),
        ("a: 'b", "does not parse"),
        ("a: 1\n\t- b", "line 2: does not parse"),
        ("a: 1\n---\nb: 2", "another document"),
        ("? [1]\n: 2", "a key must be a plain word"),
        ("a: " + "1" * 5000, "a number of 5,000 digits"),
    ],
    ids=lambda text: ascii(text)[:24],
)
def test_what_is_not_plain_is_refused(text, says):
    with pytest.raises(ZooError) as caught:
        yamls.parse(text, "x.yaml")
    assert caught.value.what.startswith("x.yaml")
    assert says in caught.value.what


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"# a comment alone\n", "is empty"),
        (b"- 1\n- 2\n", "holds a list"),
        (b"words", "holds a str"),
        (b"3", "holds a int"),
        (b"a: \xff", "not UTF-8 text (byte 3)"),
        (b"a: 1\n" + b"#" * 1_000_001, "larger than"),
    ],
    ids=lambda content: ascii(content)[:16],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content, says):
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(ZooError, match=r"x\.yaml") as caught:
        yamls.read(path)
    assert says in caught.value.what


def test_a_folder_and_a_missing_file_are_told(tmp_path):
    with pytest.raises(ZooError, match="is a folder"):
        yamls.read(tmp_path)
    with pytest.raises(ZooError, match="No such file"):
        yamls.read(tmp_path / "x.yaml")


def test_a_byte_order_mark_and_windows_lines_are_read(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes("\ufeffa: 1\r\nb: 2\r\n".encode())
    document = yamls.read(path)
    assert document.value == {"a": 1, "b": 2}
    assert document.line(("b",)) == 2
