"""The streams of `tests/data/streams`, written by hand after the public documentation."""

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "data" / "streams"
NAMES = sorted(path.stem for path in FOLDER.glob("*.sse"))


def stream(name: str) -> bytes:
    return (FOLDER / f"{name}.sse").read_bytes()
