"""PostgreSQL and Redis for a run of the suite: fresh ones, unless DATABASE_URL and REDIS_URL name some."""

import atexit

from nexus_project import env
from nexus_project.stack import aside, surroundings


def provide() -> None:
    """Start them and set their addresses; to be called before Django's settings are loaded."""
    if not surroundings.missing_servers():
        return
    data_dir = aside.make_temporary_folder()
    env.export(NEXUS_DATA_DIR=str(data_dir))
    held = surroundings.servers(data_dir, temporary=True)
    if held:
        atexit.register(held.leave)
