"""Seconds that the commands without Keras take over a bare interpreter: at most 0.3 is our promise.

    python benchmarks/startup.py [--rounds 15]

`python -c pass` and the commands take turns; each figure is the median of the differences within a round.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

PROMISE = 0.3
COMMANDS = {
    "zoo --help": ["-m", "zoo", "--help"],
    "zoo models": ["-m", "zoo", "models"],
    "zoo datasets": ["-m", "zoo", "datasets"],
    "zoo experiments": ["-m", "zoo", "experiments"],
    "zoo show digits_cnn": ["-m", "zoo", "show", "digits_cnn"],
    "import zoo": ["-c", "import zoo"],
}


def seconds(arguments: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    given = parser.parse_args()
    over: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(given.rounds):
        bare = seconds(["-c", "pass"])
        for name, arguments in COMMANDS.items():
            over[name].append(seconds(arguments) - bare)
    medians = {name: statistics.median(values) for name, values in over.items()}
    for name, value in medians.items():
        print(f"{name:24} {value:6.3f} s over bare Python (lowest {min(over[name]):.3f}, highest {max(over[name]):.3f})")
    if given.json:
        given.json.write_text(json.dumps(medians, indent=2) + "\n")
    late = [name for name in ("zoo --help", "zoo models") if medians[name] > PROMISE]
    print(f"promise of {PROMISE} s: {'missed by ' + ', '.join(late) if late else 'kept'}")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
