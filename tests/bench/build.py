"""Compile programs in C; those of the bench are beside this file."""

import os
import shutil
import subprocess
from pathlib import Path

from nexus_project import env

FOLDER = env.BASE_DIR / "var" / "bench"
NAMES = ("upstream", "loadgen")


class BenchError(Exception):
    """The measurement cannot be done; the message says what to do."""


def build() -> None:
    """`FOLDER/upstream` and `FOLDER/loadgen`, made anew where their source is newer."""
    for name in NAMES:
        compiled(Path(__file__).parent / f"{name}.c", FOLDER / name, "-lm")


def compiled(source: Path, target: Path, *options: str) -> Path:
    """`target`, made anew where its source is newer; raises BenchError where that cannot be done."""
    if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
        return target
    compiler = shutil.which("cc")
    if not compiler:
        raise BenchError("No C compiler (cc) is on PATH: install gcc or clang (apt install gcc).")
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f"{target.name}.{os.getpid()}")  # nobody may find it half written
    done = subprocess.run(
        [compiler, "-O2", "-o", str(fresh), str(source), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(
            f"{source.name} does not compile here (it needs Linux, glibc 2.35):\n{done.stderr[:600]}"
        )
    fresh.replace(target)
    return target
