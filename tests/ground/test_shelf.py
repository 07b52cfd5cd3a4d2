"""Names lead to files: a path as it is, the user's own folder, then ours."""

from __future__ import annotations

import sys

import pytest

from zoo import shelf
from zoo.errors import ZooError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def put(path, text="dataset: x\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_ours_are_found_from_anywhere():
    assert shelf.find("datasets", "digits").read_text().startswith("#")
    assert shelf.find("experiments", "digits_cnn").name == "digits_cnn.yaml"


def test_the_users_own_come_first(tmp_path):
    own = put(tmp_path / "datasets/digits.yaml")
    mine = put(tmp_path / "datasets/mine.yaml")
    assert shelf.find("datasets", "digits").resolve() == own
    assert shelf.find("datasets", "mine").resolve() == mine
    names = shelf.names("datasets")
    assert list(names) == sorted(names)
    assert {"digits", "mine", "iris"} <= set(names)
    assert "mine" not in shelf.names("experiments")


def test_a_path_is_taken_as_it_is(tmp_path):
    put(tmp_path / "digits.yaml")
    put(tmp_path / "deep/one.yml")
    assert shelf.find("datasets", "digits.yaml").resolve() == tmp_path / "digits.yaml"
    assert shelf.find("experiments", "deep/one.yml").resolve() == tmp_path / "deep/one.yml"
    assert shelf.find("experiments", str(tmp_path / "deep/one.yml")) == tmp_path / "deep/one.yml"
    with pytest.raises(ZooError, match=r"no file deep/two\.yaml"):
        shelf.find("experiments", "deep/two.yaml")


@pytest.mark.parametrize(
    "name", ["", "..", "digits\0", "a/digits\0", "x" * 5000, "a/" + "x" * 5000, "*"], ids=lambda name: ascii(name)[:12]
)
def test_what_is_no_name_is_told(name):
    with pytest.raises(ZooError, match=r"no (experiment named|file)"):
        shelf.find("experiments", name)


def test_the_nearest_name_is_told():
    with pytest.raises(ZooError, match="no experiment named 'digits_cn'") as caught:
        shelf.find("experiments", "digits_cn")
    assert "did you mean: digits_cnn" in str(caught.value)


def test_the_wheels_shelf_is_asked_before_the_checkout(tmp_path, monkeypatch):
    """In an installed wheel the shelf is a package of data, `zoo._shelf.datasets`."""
    import zoo

    put(tmp_path / "site/_shelf/datasets/only_in_the_wheel.yaml")
    monkeypatch.setattr(zoo, "__path__", [*zoo.__path__, str(tmp_path / "site")])
    try:
        assert list(shelf.names("datasets")) == ["only_in_the_wheel"]
        assert "digits_cnn" in shelf.names("experiments")
    finally:
        for name in [one for one in sys.modules if one.startswith("zoo._shelf")]:
            del sys.modules[name]
