"""Fill a database with made-up traffic and measure reading and storing: `python -m tests.bench_storage --exchanges 1000000`.

The servers are fresh ones, unless DATABASE_URL and REDIS_URL name some, which should be empty.
"""

import argparse
import logging
import sys
from pathlib import Path

import django

from nexus_project import env
from tests import servers

OUTPUT = Path("var") / "bench-storage.json"


def main(words: list[str] | None = None) -> int:
    """0 if every bar was kept."""
    given = _arguments(words)
    servers.provide()
    env.export(DJANGO_SETTINGS_MODULE="nexus_project.settings.test", DASHBOARD_URL="http://testserver")
    django.setup()
    logging.disable(logging.WARNING)
    from django.core.management import call_command

    from proxy.store.seeding.seed import holds_traffic
    from tests.bench_storage.run import fill, measured

    call_command("migrate", verbosity=0)
    if holds_traffic() != given.filled:
        print("With --filled the database has to hold traffic, without it none.", file=sys.stderr)
        return 2
    rate, seconds = (0.0, 0.0) if given.filled else fill(given.exchanges)
    report = measured(rate, seconds, given.runs, lambda line: print(line, file=sys.stderr, flush=True))
    report.write(env.BASE_DIR / OUTPUT)
    print(f"{report}\nwritten to {OUTPUT}")
    return 1 if report.missed else 0


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench_storage", description=__doc__)
    parser.add_argument("--exchanges", type=int, default=10_000_000, help="to seed (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=50, help="of each address (default: %(default)s)")
    parser.add_argument("--filled", action="store_true", help="measure the database of DATABASE_URL as it is")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
