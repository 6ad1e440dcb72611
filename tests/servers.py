"""PostgreSQL and Redis for a run of the suite: fresh ones, unless DATABASE_URL and REDIS_URL name some."""

import atexit

from nexus_project import env
from nexus_project.stack import aside, surroundings

MADE = "NEXUS_SUITE_SERVERS"


def provide() -> None:
    """Start them and set their addresses; to be called before Django's settings are loaded.

    A process of pytest-xdist inherits the addresses of the one that started it, and needs servers of its own all the same: two
    workers on one Redis would take each other's batches.
    """
    if env.text("PYTEST_XDIST_WORKER") and env.text(MADE):
        env.export(DATABASE_URL="", REDIS_URL="")
    if not surroundings.missing_servers():
        return
    data_dir = aside.make_temporary_folder()
    env.export(NEXUS_DATA_DIR=str(data_dir))
    held = surroundings.servers(data_dir, temporary=True)
    if held:
        env.export(**{MADE: "yes"})
        atexit.register(held.leave)
