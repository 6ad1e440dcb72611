"""Run the chaos test: `python -m tests.chaos --exchanges 20000 --kills 50 --faults 15 --seed 1`."""

import argparse
import random
import sys

from tests.chaos.run import run


def main(words: list[str] | None = None) -> int:
    """0 if every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument(
        "--exchanges", type=int, default=20_000, help="at least so many (default: %(default)s)"
    )
    parser.add_argument(
        "--kills", type=int, default=50, help="of each of the six kinds (default: %(default)s)"
    )
    parser.add_argument(
        "--faults", type=int, default=15, help="of each kind that nobody dies of (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, help="default: a random one, which is printed")
    given = parser.parse_args(words)
    seed = random.randrange(2**32) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    report = run(given.exchanges, given.kills, given.faults, seed, lambda line: print(line, flush=True))
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
