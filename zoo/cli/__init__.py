"""The door: words to calls, nothing else. Heavy imports happen inside each command, so that `zoo --help` costs nothing."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any

import typer

from zoo.cli import check, generate, lists, new, pipeline, predict, project, results, sample, search, show, tables
from zoo.cli.mistakes import translated
from zoo.errors import Exit, Interrupted, ZooError

COMMANDS: dict[str, Callable[..., Any]] = {
    "run": pipeline.run,
    "train": pipeline.train,
    "evaluate": pipeline.evaluate,
    "export": pipeline.export,
    "search": search.search,
    "predict": predict.predict,
    "sample": sample.sample,
    "generate": generate.generate,
    "models": lists.models,
    "datasets": lists.datasets,
    "experiments": lists.experiments,
    "runs": lists.runs,
    "show": show.show,
    "check": check.check,
    "new": new.new,
    "results": results.results,
    "schema": project.schema,
    "catalogue": project.catalogue,
    "doctor": project.doctor,
}

# What the machine did to us, and the user can mend: no space, no permission, a read-only file system, a quota.
MACHINE = {errno.ENOSPC, errno.EACCES, errno.EPERM, errno.EROFS, errno.EDQUOT}


def _app() -> typer.Typer:
    app = typer.Typer(
        name="zoo",
        help="A name becomes a trained, proven, served and watched Keras model. Begin with: zoo run digits_cnn",
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for name, function in COMMANDS.items():
        app.command(name)(function)

    @app.callback()
    def zoo(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")] = False) -> None:
        pass

    return app


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"keras-zoo {version('keras-zoo')}")
        raise typer.Exit


def main(argv: Sequence[str] | None = None) -> int:
    """The command `zoo`: runs what the words ask for and gives the exit code. Nothing is raised but SystemExit's kin."""
    words = list(sys.argv[1:] if argv is None else argv)
    with _speaking():
        try:
            code = _call(words or ["--help"])
            sys.stdout.flush()
            return int(code)
        except BrokenPipeError:
            _close_stdout()
            return Exit.DONE
        except KeyboardInterrupt as stop:
            print(": ".join(("interrupted", *stop.args)), file=sys.stderr)
            return Exit.INTERRUPTED
        except Exception as error:
            return _told(error, words)


def _call(words: list[str]) -> int:
    """Parses and calls without typer's own ways of printing errors, which would come out in another form."""
    command = typer.main.get_command(_app())
    try:
        with command.make_context("zoo", words) as context:
            return command.invoke(context) or Exit.DONE
    except typer.Exit as done:
        return done.exit_code


class _Lines(logging.Handler):
    """What the rooms say: plain lines on stdout, notes and warnings on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        tables.say(self.format(record), sys.stderr if record.levelno >= logging.WARNING else sys.stdout)


@contextlib.contextmanager
def _speaking() -> Iterator[None]:
    """Lines of the logger `zoo` are printed, and libraries' warnings are not, while a command runs."""
    log, handler = logging.getLogger("zoo"), _Lines()
    before = (log.level, log.propagate)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        with warnings.catch_warnings():
            if not sys.warnoptions:
                warnings.simplefilter("ignore")
            yield
    finally:
        log.removeHandler(handler)
        log.level, log.propagate = before


def _close_stdout() -> None:
    """Whoever read our output has gone; Python must not complain of it when it ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _told(error: Exception, words: list[str]) -> int:
    """Says on stderr what went wrong, and gives the exit code."""
    if os.environ.get("ZOO_DEBUG"):
        traceback.print_exception(error)
    said = translated(error)
    if said is None and isinstance(error, OSError) and error.errno in MACHINE:
        said = ZooError(f"{error.filename or 'a file'}: {error.strerror}")
    if isinstance(said, Interrupted):
        _print("", said.what, f"go on: zoo {shlex.join(_resuming(words))}")
        return said.exit_code
    if isinstance(said, ZooError):
        _print("error: ", said.what, *said.details)
        return said.exit_code
    kind = " ".join(str(error).split())[:500]
    _print("error: ", f"a bug in keras-zoo: {type(error).__name__}: {kind}", f"see where: ZOO_DEBUG=1 zoo {shlex.join(words)}")
    return Exit.BUG


def _resuming(words: list[str]) -> list[str]:
    return words if "--resume" in words else [*words, "--resume"]


def _print(prefix: str, what: str, *details: str) -> None:
    red = prefix and sys.stderr.isatty() and "NO_COLOR" not in os.environ
    print(f"\x1b[1;31m{prefix}\x1b[0m{what}" if red else prefix + what, *details, sep="\n  ", file=sys.stderr)
