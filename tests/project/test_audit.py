"""`make check` says what pip-audit found, and whether it could look at all."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nexus_project.env import BASE_DIR

KNOWN = {"name": "good", "version": "1.0", "vulns": []}
BAD = {"name": "bad", "version": "2.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"], "aliases": []}]}
SKIPPED = {"name": "odd", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("printed", "code", "words"),
    [
        ([KNOWN, BAD], 1, "bad 2.0: PYSEC-1, fixed in 2.1"),
        ([KNOWN], 0, "1 packages, nothing known against them"),
        ([KNOWN, SKIPPED], 0, "not audited, as the index does not know them: odd"),
        ([SKIPPED], 0, "NOT AUDITED, the index knows none of 1 packages"),
        (None, 0, "NOT AUDITED, its data could not be reached (no route to host)"),
    ],
)
def test_what_pip_audit_says_is_said(tmp_path: Path, printed: object, code: int, words: str) -> None:
    output = "" if printed is None else json.dumps({"dependencies": printed})
    tool = tmp_path / "pip-audit"
    tool.write_text(f"#!/bin/sh\necho 'no route to host' >&2\nprintf '%s' '{output}'\n")
    tool.chmod(0o755)

    done = subprocess.run(
        [sys.executable, BASE_DIR / ".ci" / "audit", tool, "requirements/base.txt"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, words in done.stdout) == (code, True), done.stdout
