"""PostgreSQL and Redis for a run of the suite: fresh ones, unless DATABASE_URL, the roles' addresses and REDIS_URL name some."""

import atexit
import sys

from nexus_project import env
from nexus_project.stack import addresses, aside, surroundings


def provide() -> None:
    """Start them and set their addresses; to be called before Django's settings are loaded."""
    if env.secret("DATABASE_URL") and not all(addresses.chosen().values()):
        # The roles are of the whole server, so that making them here would change the passwords of its other databases.
        sys.exit(
            f"nexus: DATABASE_URL names a server for the suite, so {', '.join(addresses.NAMES)} must be set as well: "
            "`manage.py create_db_roles` makes the roles and prints these addresses."
        )
    if not surroundings.missing_servers():
        return
    data_dir = aside.make_temporary_folder()
    env.export(NEXUS_DATA_DIR=str(data_dir))
    held = surroundings.servers(data_dir, temporary=True)
    if held:
        atexit.register(held.leave)
