"""`python -m tests.chaos.stored EXPECTED SECONDS`: what Nexus holds, by its own readers, as JSON lines.

It waits until so many exchanges are stored or dropped and nothing waits or moves any more, or the time is up. The first line is a
`Sums`, each other one a `Stored`. It is a process of its own, as its settings are those of the Nexus under test.
"""

import sys
import time
from hashlib import sha256

import django
import msgspec

from nexus_project import env
from proxy.record import HeaderPairs
from tests.chaos.verdict import Stored, Sums

env.use_settings("nexus_project.settings.store")
django.setup()

from django.db.models import Sum  # noqa: E402 - Django's settings come first

from proxy.store.bodies.blobs import BodyMissingError, body_of  # noqa: E402 - the same
from proxy.store.bodies.headers import NONE, headers_of  # noqa: E402 - the same
from proxy.store.models import (  # noqa: E402 - the same
    DeadLetter,
    DomainTotal,
    Exchange,
    ExchangeBody,
    Receipt,
    Rollup,
)
from proxy.store.pipeline import pipeline  # noqa: E402 - the same

LOOK_SECONDS = 0.2
STEADY_SECONDS = 3.0


def sums() -> Sums:
    now = pipeline()
    return Sums(
        accepted=now.accepted,
        stored=now.stored,
        waiting=now.waiting,
        dropped=now.dropped,
        gaps=now.gaps,
        rows=Exchange.objects.count(),
        receipts=Receipt.objects.count(),
        dead_letters=DeadLetter.objects.count(),
        rolled_up=Rollup.objects.aggregate(n=Sum("requests"))["n"] or 0,
        totalled=DomainTotal.objects.aggregate(n=Sum("requests"))["n"] or 0,
        at=time.time(),
    )


def settled(expected: int, seconds: float) -> Sums:
    """The sums, as soon as all is stored or counted and they have not changed for some heartbeats, or the time is up."""
    deadline = time.monotonic() + seconds
    found, since = sums(), time.monotonic()
    while time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        now = sums()
        if not now.same_as(found):
            found, since = now, time.monotonic()
        known = found.rows + found.dropped + found.gaps
        if known >= expected and not found.waiting and time.monotonic() - since > STEADY_SECONDS:
            break
    return found


def stored(row: Exchange, headers: HeaderPairs) -> Stored:
    mark = next((value for name, value in headers if name == "x-test-id"), "")
    try:
        request, response = body_of(row.id, "request"), body_of(row.id, "response")
    except BodyMissingError as error:
        return Stored(mark, row.outcome, row.status, "", "", str(error))
    return Stored(mark, row.outcome, row.status, sha256(request).hexdigest(), sha256(response).hexdigest())


def main() -> None:
    expected, seconds = int(sys.argv[1]), float(sys.argv[2])
    lines = msgspec.json.Encoder()
    out = sys.stdout.buffer
    out.write(lines.encode(settled(expected, seconds)) + b"\n")
    headers = headers_of(ExchangeBody.objects.all())
    for row in Exchange.objects.order_by("id").iterator():
        out.write(lines.encode(stored(row, headers.get(row.id, NONE).request)) + b"\n")


if __name__ == "__main__":
    main()
