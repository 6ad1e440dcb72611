"""Where the recorded API exchanges lie, for the tests that use them; they are no part of the repository."""

from pathlib import Path

FOLDER = Path(__file__).parents[1].parent / "shared" / "recordings"
FILES = sorted(FOLDER.glob("*.json"))
MISSING = f"no recorded exchanges in {FOLDER}"
