"""Which Python and which account stand for the image's own on this machine."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nexus_project.stack.machine.account import Account

NAMES = ("python3.13", "python3.12", "python3.11", "python3.14", "python3")
CAN_BUILD = "import sys, pip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))"


@dataclass(frozen=True, slots=True)
class StandIn:
    """`account` is None where everything runs as who runs the tests."""

    python: Path
    account: Account | None


@cache
def find(uid: int) -> StandIn:
    """Root becomes the image's user, with a Python that this user may run: root's own may lie in root's home."""
    own = Path(sys.executable)
    if os.geteuid() != 0:
        return StandIn(own, None)
    user = Account(uid, uid)
    found = (shutil.which(name, path="/usr/local/bin:/usr/bin") for name in NAMES)
    for python in (own, *(Path(path) for path in found if path)):
        if user.reaches(python) and _can_build(python):
            return StandIn(python, user)
    return StandIn(own, None)


def _can_build(python: Path) -> bool:
    return subprocess.run([python, "-c", CAN_BUILD], capture_output=True, check=False).returncode == 0
