"""PostgreSQL and Redis for a run of the suite: fresh ones, unless DATABASE_URL, the roles' addresses and REDIS_URL name some.

With `pytest -n` each worker has servers of its own, as a test may stop, fill or empty them.
"""

import atexit
import re
import sys

from nexus_project import env
from nexus_project.stack import environment
from nexus_project.stack.machine import owned_folders
from nexus_project.stack.supervision import addresses
from tests import suite


def provide() -> None:
    """Start them and set their addresses; to be called before Django's settings are loaded."""
    if not env.text("PYTEST_XDIST_WORKER"):
        suite.begin()
    if hands_out():
        if env.secret("DATABASE_URL") or env.secret("REDIS_URL"):
            sys.exit("nexus: several processes would share the servers that are named: set TEST_PROCESSES=0.")
        return
    if env.secret("DATABASE_URL") and not all(addresses.chosen().values()):
        # The roles are of the whole server, so that making them here would change the passwords of its other databases.
        sys.exit(
            f"nexus: DATABASE_URL names a server for the suite, so {', '.join(addresses.NAMES)} must be set as well: "
            "`manage.py create_db_roles` makes the roles and prints these addresses."
        )
    if not environment.missing_servers():
        return
    data_dir = owned_folders.make_temporary(owned_folders.DATA)
    env.export(NEXUS_DATA_DIR=str(data_dir))
    held = environment.servers(data_dir, temporary=True)
    if held:
        atexit.register(held.leave)


def hands_out() -> bool:
    """Whether this process gives the tests to others (`pytest -n 2`) and runs none itself."""
    is_parallel = re.search(r" (?:-n|--numprocesses)[ =]?(?!0)\w", " ".join(sys.argv))
    return bool(is_parallel) and not env.text("PYTEST_XDIST_WORKER")
