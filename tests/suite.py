"""The folder of a run of the suite: all that its tests and their processes write to temporary folders lies in it.

It is TMPDIR for all of them, so that what belongs to the run is known by it. A process of its own, the reaper, notices the run's
end, however it ends, and then ends what it left running and removes the folder.
"""

import atexit
import subprocess
import sys
import tempfile
from pathlib import Path

from nexus_project import env
from nexus_project.env import BASE_DIR
from nexus_project.stack.machine import owned_folders


def begin() -> Path:
    """Make the folder; when this process ends it goes, with all that was started."""
    before = env.text("TMPDIR")
    folder = owned_folders.make_temporary(owned_folders.TESTS)
    reaper = subprocess.Popen(
        [sys.executable, "-m", "tests.reaper", str(folder)],
        cwd=BASE_DIR,
        env=env.child_environment({"TMPDIR": before}),
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the suite
    )
    env.export(TMPDIR=str(folder))
    tempfile.tempdir = str(folder)  # pytest may have asked for it before
    atexit.register(reaper.communicate)  # closes its standard input, and waits
    return folder
