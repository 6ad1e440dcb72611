"""Compile the two programs in C that are beside this file."""

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
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        source, program = Path(__file__).parent / f"{name}.c", FOLDER / name
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            _compile(source, program)


def _compile(source: Path, program: Path) -> None:
    compiler = shutil.which("cc")
    if not compiler:
        raise BenchError("No C compiler (cc) is on PATH: install gcc or clang (apt install gcc).")
    done = subprocess.run(
        [compiler, "-O2", "-o", str(program), str(source), "-lm"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchError(
            f"{source.name} does not compile here (it needs Linux, glibc 2.35):\n{done.stderr[:600]}"
        )
