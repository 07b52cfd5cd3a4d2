"""Tables as people have them: packed, without a header, in other alphabets, in many files; and typed columns."""

from __future__ import annotations

import gzip
import logging
import zipfile

import numpy as np
import pytest
from made import card_of
from pydantic import ValidationError

from zoo.data.sources import csv, csv_fast, read, tables
from zoo.data.sources.cells import Rejected, Stumble, Wanted
from zoo.data.splits import split
from zoo.errors import ZooError

PLAIN = "a,b,y\n1,x,p\n2.5,y,q\n,z,p\n"


def values(raw):
    return {name: [None if one != one else one for one in column[:]] for name, column in raw.features.items()} | {"y": list(raw.target[:])}


EXPECTED = {"a": [1, 2.5, None], "b": ["x", "y", "z"], "y": ["p", "q", "p"]}


def test_packing_is_seen_by_content_whatever_the_name(csv_card, tmp_path):
    assert values(read(csv_card(gzip.compress(PLAIN.encode())))) == EXPECTED
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        archive.writestr("folder/inside.csv", PLAIN)
        archive.writestr("__MACOSX/inside.csv", "junk")
    assert values(read(csv_card((tmp_path / "packed.zip").read_bytes()))) == EXPECTED


def test_a_broken_packing_is_told(csv_card, tmp_path):
    with pytest.raises(ZooError, match=r"table\.csv cannot be unpacked"):
        read(csv_card(gzip.compress(PLAIN.encode() * 99)[:-20]))
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("one.csv", PLAIN)
        archive.writestr("two.csv", PLAIN)
    with pytest.raises(ZooError, match=r"a zip of 2 files.*\n.*one\.csv, two\.csv"):
        read(csv_card((tmp_path / "two.zip").read_bytes()))


def test_without_a_header_columns_are_numbers(csv_card):
    columns = {"0": "number", "1": "category"}
    card = csv_card("1, x, p\n2.5, y, q\n, z, p\n", source={"header": False}, columns=columns, target={"name": "2"})
    raw = read(card)
    assert list(values(raw).values()) == list(EXPECTED.values())
    assert (raw.ids.tolist(), raw.source_rows) == ([0, 1, 2], 3)
    with pytest.raises(ZooError, match=r"no target column '7'.*\n.*0, 1, 2\n.*no header, and it has 3 columns"):
        read(csv_card("1,x,p\n2,y,q\n", source={"header": False}, columns=columns, target={"name": "7"}))


def test_a_header_may_be_given(csv_card):
    assert values(read(csv_card(PLAIN[6:], source={"header": ["a", "b", "y"]}))) == EXPECTED
    with pytest.raises(ZooError, match=r"3 columns in its first line, and source\.header names 2"):
        read(csv_card(PLAIN[6:], source={"header": ["a", "b"]}))


def test_a_decimal_comma(csv_card):
    text = "a;b;y\n1;x;p\n2,5;y;q\n;z;p\n"
    assert values(read(csv_card(text, source={"separator": ";", "decimal": ","}))) == EXPECTED
    with pytest.raises(ZooError, match=r"line 3: column 'a' holds '2,5'.*\n.*source\.decimal"):
        read(csv_card(text, source={"separator": ";"}))
    with pytest.raises(ZooError, match=r"line 2: column 'a' holds '1\.5'"):
        read(csv_card("a;b;y\n1.5;x;p\n2;y;q\n", source={"separator": ";", "decimal": ","}))


def test_a_blank_number_is_missing_whatever_the_markers_are(csv_card):
    assert values(read(csv_card("a,b,y\n1,x,p\n2.5,y,q\n,z,p\n", source={"missing": ["-"]}))) == EXPECTED


def test_another_encoding_is_read_where_it_is_named(csv_card):
    text = "a,b,y\n1,café,p\n2,y,q\n"
    with pytest.raises(ZooError, match=r"line 2: not UTF-8 text \(byte 6 of the line\)\n.*source\.encoding, as latin-1"):
        read(csv_card(text.encode("latin-1")))
    for name in ("latin-1", "utf-16"):
        assert read(csv_card(text.encode(name), source={"encoding": name})).features["b"].tolist() == ["café", "y"]
    with pytest.raises(ValidationError, match="Python does not know"):
        csv_card(text, source={"encoding": "klingon"})


@pytest.mark.parametrize("name", ["rot13", "hex", "zlib", "punycode", "idna", "undefined"])
def test_what_encodes_no_text_file(csv_card, name):
    with pytest.raises(ValidationError, match=rf"'{name}' is no encoding of text"):
        csv_card("a,b,y\n", source={"encoding": name})


def test_quotes_may_be_letters(csv_card):
    text = 'a\tb\ty\n1\t"so\tp\n2\tsay "no"\tq\n'
    raw = read(csv_card(text, source={"separator": "\t", "quoted": False}))
    assert raw.features["b"].tolist() == ['"so', 'say "no"']
    with pytest.raises(ZooError, match="never closed"):
        read(csv_card(text.replace(' "no"', ""), source={"separator": "\t"}))


@pytest.mark.parametrize("ends", [("\n", "\r\n", "\r"), ("\r\n",), ("\r",)])
def test_line_ends_of_any_kind(csv_card, ends):
    lines = PLAIN.splitlines()
    text = "".join(line + ends[number % len(ends)] for number, line in enumerate(lines))
    assert values(read(csv_card(text))) == EXPECTED


def test_files_by_wildcards_are_one_table(tmp_path, caplog):
    for number in (3, 1, 2):
        (tmp_path / f"part-{number}.csv").write_text(f"b,y,a\nw{number},p,{number}\nw,,9\nv,q,0\n")
    source = {"kind": "csv", "file": str(tmp_path / "part-*.csv")}
    card = card_of(source, columns={"a": "number", "b": "category"})
    with caplog.at_level(logging.WARNING, "zoo"):
        raw = read(card)
    assert raw.features["b"].tolist() == ["w1", "v", "w2", "v", "w3", "v"]
    assert (raw.ids.tolist(), raw.source_rows) == ([0, 2, 3, 5, 6, 8], 9)
    assert sorted(raw.files) == [str(tmp_path / f"part-{number}.csv") for number in (1, 2, 3)]
    assert caplog.text.count("1 of 3 rows have no y") == 3
    with pytest.raises(ZooError, match="no data file matches"):
        read(card_of({"kind": "csv", "file": str(tmp_path / "none-*.csv")}, columns={"a": "number"}))


COLUMNS = {"yes": "boolean", "day": "datetime", "when": {"type": "datetime", "format": "%d.%m.%Y"}, "words": "text"}
TYPED = "yes,day,when,words,y\nTrue,2026-11-21,21.11.2026,so it is,p\nN,2026-11-21T10:00:30,1.2.2020,,q\n,,,x,p\n"


def test_types_of_columns(csv_card):
    raw = read(csv_card(TYPED, columns=COLUMNS))
    assert raw.features["yes"].dtype == np.float32
    assert values(raw) == {
        "yes": [1, 0, None],
        "day": ["2026-11-21", "2026-11-21T10:00:30", ""],
        "when": ["21.11.2026", "1.2.2020", ""],
        "words": ["so it is", "", "x"],
        "y": ["p", "q", "p"],
    }


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("\nN,", "\nmaybe,", r"line 3: column 'yes' holds 'maybe', where a boolean is expected"),
        ("T10:00:30", " o'clock", r"line 3: column 'day' holds .*, where a date is expected\n.*ISO 8601"),
        ("2026-11-21,21", "2026-13-21,21", r"line 2: column 'day' holds '2026-13-21'"),
        ("1.2.2020", "2020-02-01", r"line 3: column 'when' holds '2020-02-01', where a date.*\n.*format is %d"),
    ],
)
def test_what_is_no_boolean_or_no_date_is_refused(csv_card, old, new, says):
    with pytest.raises(ZooError, match=says):
        read(csv_card(TYPED.replace(old, new), columns=COLUMNS))


def test_texts_are_columns_joined(tmp_path):
    (tmp_path / "t.csv").write_text("t,y,u\none,p,two\n,q,three\nfour,p,\n")
    card = card_of({"kind": "csv", "file": str(tmp_path / "t.csv")}, text={"columns": ["t", "u"]})
    assert read(card).features["text"].tolist() == ["one two", "three", "four"]


def test_columns_of_splits_and_audits_stand_beside(csv_card):
    text = "a,who,y,day\n1,x,p,2026-01-03\n2,,q,2026-01-01\n3,x,p,2026-01-02\n"
    raw = read(csv_card(text, columns={"a": "number"}, group="who", split={"kind": "time", "column": "day"}))
    assert list(raw.features) == ["a"]
    assert {name: column.tolist() for name, column in raw.beside.items()} == {
        "day": ["2026-01-03", "2026-01-01", "2026-01-02"],
        "who": ["x", "", "x"],
    }


def test_skipped_rows_are_counted_and_told(csv_card, caplog):
    text = "a,b,y\n1,x,p\nmany,y,q\n3,z\n4,v,w,q\n5,u,q\ninf,u,p\n6,t,\n7,s,p\n"
    with caplog.at_level(logging.WARNING, "zoo"):
        raw = read(csv_card(text, source={"on_error": "skip"}))
    assert values(raw) == {"a": [1, 5, 7], "b": ["x", "u", "s"], "y": ["p", "q", "p"]}
    assert (raw.ids.tolist(), raw.source_rows) == ([0, 4, 7], 8)
    assert [line.split("table.csv, ")[1][:6] for line in sorted(raw.rejected)] == ["line 3", "line 4", "line 5", "line 7"]
    assert "4 broken rows are left out, first: " in caplog.text
    assert "1 of 8 rows have no y" in caplog.text
    with pytest.raises(ZooError, match=r"line 4: .* 2 cells, where the first line has 3"):
        read(csv_card(text))


def test_both_readers_read_the_same(tmp_path):
    """The fast reader stumbles, or gives what the careful one does."""
    numbers = ["1", "2.5", "-3e4", "+7", "", " 1 ", "NA", " NA", '"1"', "1e-7", "00012", ".5"]
    words = ["a", " c", "d ", '"e"', '"f,g"', '"h ""i"""', 'j"k', '"l\nm"', "NA", ' "n"', "é", '"p"q', '"']
    wanted = {"a": Wanted("number"), "b": Wanted(), "y": Wanted()}
    draw, fast = np.random.default_rng(3), 0
    for number in range(400):
        cells = [",".join(str(draw.choice(some)) for some in (numbers, words, words[: 4 + number % 9])) for _ in range(draw.integers(1, 5))]
        path = tmp_path / "t.csv"
        path.write_text("a,b,y\n" + "\n".join(cells) + "\n" * int(draw.integers(0, 3)))
        table = csv.table(path, card_of({"kind": "csv", "file": str(path)}, columns={"a": "number"}).source)
        try:
            (part,) = csv_fast.parts(table, wanted, [0, 1, 2], lines=True)
        except (Stumble, ValueError):
            continue
        (careful,) = table.typed(wanted, Rejected(skip=False))
        fast += 1
        assert part.lines.tolist() == careful.lines.tolist()
        for name in wanted:
            np.testing.assert_array_equal(np.asarray(part.columns[name][:]), careful.columns[name])
    assert fast > 50


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_large_table_is_read_into_the_store(csv_card, tmp_path, monkeypatch, task):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    (tmp_path / "test.csv").write_text("a,b,y\n7,u,1\n8,u,0\n")
    text = "a,b,y\n" + "".join(f"{row},w{row % 7},{row % 2}\n" for row in range(60)) + "5,w1,\n"
    card = csv_card(text, source={"test_file": str(tmp_path / "test.csv")}, task=task, columns={"a": "number", "b": "category"})
    small = read(card)
    monkeypatch.setattr(tables, "BIG", 1)
    large = read(card)
    again = read(card)
    assert isinstance(large.features["a"], np.memmap)
    assert values(small) == values(large) == values(again)
    assert small.given.tolist() == np.asarray(large.given).tolist()
    assert large.stamp == again.stamp == large.fingerprint != small.fingerprint
    for one, other in zip(split(card, small).values(), split(card, large).values(), strict=True):
        assert one.tolist() == other.tolist()
    (tmp_path / "test.csv").write_text("a,b,y\n7,u,1\n9,u,0\n")
    assert read(card).fingerprint != large.fingerprint


def test_large_texts_are_not_held(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tables, "BIG", 1)
    (tmp_path / "t.csv").write_text("t,y\none é,p\n,q\nthree,p\n")
    raw = read(card_of({"kind": "csv", "file": str(tmp_path / "t.csv")}, text={"columns": "t"}))
    texts = raw.features["text"]
    assert texts[:].tolist() == ["one é", "", "three"]
    assert (texts[2], texts[np.array([2, 0])].tolist(), len(texts)) == ("three", ["three", "one é"], 3)
    assert np.unique(raw.target, return_inverse=True)[1].tolist() == [0, 1, 0]
