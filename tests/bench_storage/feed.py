"""One worker's share of the load: `python -m tests.bench_storage.feed NUMBER BATCHES` prints how long it took."""

import sys
import time
from itertools import islice

import django
import msgspec

from proxy.batch import decode_batch, encode_batch
from tests.bench_storage.load import BATCH, Load


class Fed(msgspec.Struct, frozen=True):
    """Epoch seconds, and the exchanges stored between them."""

    began: float
    ended: float
    stored: int


def main(words: list[str]) -> int:
    number, batches = map(int, words)
    payloads = [encode_batch(batch) for batch in islice(Load(number).batches(), batches + 1)]
    django.setup()
    from proxy.store.ingest.batch import ingest

    ingest(decode_batch(payloads[0]))  # imports, prices, the connection
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    began = time.time()
    stored = sum(ingest(decode_batch(payload)) for payload in payloads[1:])
    sys.stdout.write(msgspec.json.encode(Fed(began, time.time(), stored)).decode())
    return 0 if stored == batches * BATCH else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
