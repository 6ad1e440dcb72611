"""Measure the proxy beside its upstream alone: `python -m tests.bench --only small,big --seconds 2`.

Everything is fresh and of its own: PostgreSQL, Redis, worker, proxy, upstream. Figures: docs/performance.md says what they mean.
"""

import argparse
import sys
from pathlib import Path

from nexus_project import env
from nexus_project.stack.errors import StackError
from tests.bench.build import BenchError
from tests.bench.run import run, show
from tests.bench.workloads import NAMES

OUTPUT = env.BASE_DIR / "var" / "bench.json"


def main(words: list[str] | None = None) -> int:
    """0 if every bar was kept, 1 if not, 2 if it cannot be measured here."""
    given = _arguments(words)
    try:
        report = run(given.only, given.rounds, given.seconds, given.workers, bars=given.bars)
    except (BenchError, StackError) as error:
        print(f"nexus: {error}", file=sys.stderr)
        return 2
    report.write(given.json)
    show(report)
    print(f"written to {given.json}")
    return 1 if report.missed else 0


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", type=_names, default=[], help=f"some of {','.join(NAMES)}")
    parser.add_argument("--rounds", type=int, default=1, help="of everything; medians are shown (default: 1)")
    parser.add_argument("--seconds", type=float, default=2, help="of most runs (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="above 1: measure so many proxy processes too")
    parser.add_argument("--no-bars", dest="bars", action="store_false", help="only measure, and end with 0")
    parser.add_argument("--json", type=Path, default=OUTPUT, help="the file to write (default: %(default)s)")
    return parser.parse_args(words)


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(NAMES):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))} is none of {', '.join(NAMES)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
