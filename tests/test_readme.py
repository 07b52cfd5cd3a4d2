"""Every block of the README is run, as it stands, in a folder of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
SETUP = ("make demo", "make test", "python3 -m venv")  # they make environments; here it is asked what they would do


def run(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The blocks follow one another, as a reader types them."""
    return tmp_path_factory.mktemp("reader")


@pytest.mark.slow
@pytest.mark.parametrize("index", range(len(BLOCKS)))
def test_block(index, folder):
    language, text = BLOCKS[index]
    if language == "python":
        run([sys.executable, "-c", text], folder)
    elif text.startswith(SETUP):
        for line in text.strip().splitlines():
            if line.startswith("make "):
                assert "pip install" in run(["make", "-n", "-B", *line.split()[1:]], ROOT)
    else:
        run(["bash", "-euo", "pipefail", "-c", text], folder)


@pytest.mark.slow
def test_the_page_of_models(folder):
    """Its Python is one session; its commands are run as they stand."""
    blocks = re.findall(r"^```(sh|python)\n(.*?)^```", (ROOT / "docs" / "models.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    session = "".join(text for language, text in blocks if language == "python")
    assert session.count("create_model") > 5
    run([sys.executable, "-c", session], folder)
    run(["bash", "-euo", "pipefail", "-c", "".join(text for language, text in blocks if language == "sh")], folder)


def test_blocks_were_found():
    assert sum(language == "python" for language, _ in BLOCKS) >= 1
    assert sum("zoo run" in text for _, text in BLOCKS) >= 2


def test_links_lead_somewhere():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md"), ROOT / "datasets" / "README.md"]
    for page in pages:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} -> {target}"
