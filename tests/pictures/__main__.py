"""Take the pictures in docs/pictures of a dashboard with made-up traffic: `python -m tests.pictures`.

PostgreSQL and Redis are fresh ones, unless DATABASE_URL and REDIS_URL name some, which should be empty. Exits with 1 when a
picture is too large, with 2 when it cannot begin.
"""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

import django

from nexus_project import env
from tests import servers
from tests.browser.serving import CHROMIUM, dashboard

FOLDER = Path("docs") / "pictures"
DAYS = 7
SEED = 1


def main(words: list[str] | None = None) -> int:
    """0 if every picture was taken and is small enough."""
    given = _arguments(words)
    if CHROMIUM is None:
        print("Pictures need Chromium: apt install chromium.", file=sys.stderr)
        return 2
    servers.provide()
    env.export(DJANGO_SETTINGS_MODULE="nexus_project.settings.test")
    django.setup()
    logging.disable(logging.WARNING)
    from tests.pictures.filling import fill
    from tests.pictures.sheet import LARGEST, SHEETS
    from tests.pictures.taking import take

    if not fill(given.exchanges, DAYS, SEED):
        print("The database has to be empty: name no DATABASE_URL, or that of an empty one.", file=sys.stderr)
        return 2
    folder = env.BASE_DIR / given.folder
    folder.mkdir(parents=True, exist_ok=True)
    with dashboard(env.secret("DATABASE_URL")) as address:
        asyncio.run(take(address, folder))
    sizes = {sheet.file: (folder / sheet.file).stat().st_size for sheet in SHEETS}
    for file, size in sizes.items():
        print(f"{given.folder / file}: {size / 1000:.0f} kB{' is too large' if size > LARGEST else ''}")
    return 1 if max(sizes.values()) > LARGEST else 0


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.pictures", description=__doc__)
    parser.add_argument("--exchanges", type=int, default=20_000, help="to seed (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="to write to (default: %(default)s)")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
