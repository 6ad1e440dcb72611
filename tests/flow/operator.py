"""What an operator types on the machine of a running Nexus."""

import subprocess
import sys

from nexus_project import env
from tests.flow.conftest import Nexus


def manage(nexus: Nexus, *words: str) -> subprocess.CompletedProcess[str]:
    """`manage.py` with the settings of the system; its output as text."""
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        env=env.child_environment({**nexus.worker.service.environment, **nexus.worker.environment}),
        cwd=env.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
