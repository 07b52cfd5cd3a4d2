"""Runs: the folder that training one experiment leaves, and the writes that a kill cannot halve."""

from zoo.runs.files import (
    FORMAT,
    alive,
    finite,
    fsync_folder,
    held,
    home,
    locked,
    make_folder,
    read_json,
    reason,
    sweep,
    write_atomically,
    write_json,
    write_text,
)
from zoo.runs.folder import UNFINISHED, Run, all_runs, create, find, place
from zoo.runs.machine import cores

__all__ = [
    "FORMAT",
    "UNFINISHED",
    "Run",
    "alive",
    "all_runs",
    "cores",
    "create",
    "find",
    "finite",
    "fsync_folder",
    "held",
    "home",
    "locked",
    "make_folder",
    "place",
    "read_json",
    "reason",
    "sweep",
    "write_atomically",
    "write_json",
    "write_text",
]
