"""`python -m tests.chaos.supervised PORT DATA_DIR GRACE_SECONDS`: a proxy under the product's supervisor.

SIGHUP has it replace the proxy. `make proxy` does the same behind a migration, for which a start without PostgreSQL would wait.
"""

import sys
from pathlib import Path

from nexus_project.stack.console import Console
from nexus_project.stack.supervision import commands
from nexus_project.stack.supervision.commands import Deployment
from nexus_project.stack.supervision.reaper import Reaper
from nexus_project.stack.supervision.supervisor import Stopped, Supervisor


def main(port: int, data_dir: Path, grace_seconds: int) -> None:
    """Returns after a signal."""
    reaper = Reaper()
    supervisor = Supervisor(Console(), reaper, data_dir)
    with supervisor.handling_signals():
        try:
            supervisor.start(
                commands.proxy(Deployment("127.0.0.1", port, 0, data_dir, grace_seconds=grace_seconds))
            )
            supervisor.watch()
        except Stopped:
            pass
        finally:
            supervisor.stop()
            reaper.dismiss()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
