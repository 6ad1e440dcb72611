"""Measure the reading: run beside a filled database, `python -m tests.bench_storage.ask`; one JSON object a line."""

import random
import sys

import django
import msgspec

RUNS = 50


def main() -> int:
    from proxy import token_stats
    from tests.bench_storage import addresses, measure

    draw = random.Random(1)
    found = addresses.known(draw)
    for one in addresses.addresses(found, draw):
        print(msgspec.json.encode(measure.measure(one)).decode(), flush=True)
    for name, do in (
        ("/token-stats", token_stats.token_stats),
        ("/token-stats, one domain", lambda: token_stats.token_stats(draw.choice(found.domains))),
    ):
        print(msgspec.json.encode(measure.timed(name, do, addresses.PAGE_MS)).decode(), flush=True)
    return 0


if __name__ == "__main__":
    django.setup()
    sys.exit(main())
