"""Bundles: released, self-proving exports, in folders that TF Serving reads as they are; and what they take and answer."""

from zoo.bundles.folder import FORMAT_NAMES, GOLDEN, MANIFEST, WARMUP, Bundle, file_sha256, find, versions
from zoo.bundles.names import identifiers, score_columns
from zoo.bundles.values import Input, alone, answers_to_files, columns_of, files_of, in_batches, refusals

__all__ = [
    "FORMAT_NAMES",
    "GOLDEN",
    "MANIFEST",
    "WARMUP",
    "Bundle",
    "Input",
    "alone",
    "answers_to_files",
    "columns_of",
    "file_sha256",
    "files_of",
    "find",
    "identifiers",
    "in_batches",
    "refusals",
    "score_columns",
    "versions",
]
