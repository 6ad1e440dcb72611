"""Real segments with flipped bits and cut ends: what is damaged is kept and reported, the rest is stored, and the sum holds."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxy import record
from proxy.relay.spool.spool import Spool
from proxy.store.bodies.blobs import BodyMissingError, body_of
from proxy.store.models import Exchange
from proxy.store.pipeline import pipeline
from tests.operations.conftest import LIMIT, Run
from tests.relay.examples import make_closing, make_head

pytestmark = pytest.mark.django_db

Bodies = dict[str, tuple[bytes, bytes]]
SMALL = 400_000  # so that there are many files


def fill(root: Path, chance: random.Random) -> Bodies:
    """Records of all sizes in several files, as a killed process leaves them; by id."""
    spool = Spool(root / "0", SMALL)
    written: Bodies = {}
    for _ in range(40):
        request, response = chance.randbytes(chance.randrange(9000)), chance.randbytes(chance.randrange(6000))
        head = make_head(request)
        entry = spool.open(record.encode(head), b"" if len(request) > 6000 else request)
        if len(request) > 6000:
            spool.add_body(entry, request)
        spool.append(entry, response[:2000])
        spool.close(entry, response[2000:], record.encode(make_closing(response)))
        written[head.id] = (request, response)
    spool.save()
    spool.shut()
    return written


def damage(root: Path, chance: random.Random) -> None:
    """Flip bits, cut an end off, or overwrite a stretch, at random places of random files."""
    files = sorted(path for path in (root / "0").glob("*.seg") if path.stat().st_size)
    for path in chance.sample(files, 4):
        content = bytearray(path.read_bytes())
        at = chance.randrange(len(content))
        match chance.randrange(3):
            case 0:
                content[at] ^= 1 << chance.randrange(8)
            case 1:
                del content[at:]
            case _:
                content[at : at + 200] = chance.randbytes(min(200, len(content) - at))
        path.write_bytes(content)


def body_or_none(row: Exchange, which: Any) -> bytes | None:
    try:
        return body_of(row.pk, which)
    except BodyMissingError:
        return None


def exact(row: Exchange, bodies: tuple[bytes | None, bytes | None], written: Bodies) -> bool:
    """A body is what it was or is told to be missing; of an answer without an end, what is left of its two pieces is kept."""
    request, response = written[str(row.pk)]
    fragments = {response[:2000], response[2000:], b""} if row.outcome == "aborted" else set()
    return bodies[0] in (None, request) and bodies[1] in {None, response, *fragments}


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_damaged_the_rest_is_stored_exactly_and_nothing_goes_uncounted(
    root: Path, run: Run, listed: Callable[[], dict[str, Any]], seed: int
) -> None:
    chance = random.Random(seed)
    written = fill(root, chance)
    damage(root, chance)

    run("replay", "--slots")

    rows = list(Exchange.objects.all())
    kept = [(body_or_none(row, "request"), body_or_none(row, "response")) for row in rows]
    assert [row.pk for row, bodies in zip(rows, kept, strict=True) if not exact(row, bodies, written)] == []
    whole = sum(None not in bodies for bodies in kept)
    assert len(written) - 40 // 4 * 3 < whole < len(written)
    [line] = listed()["spools"]
    assert (line["accepted"], line["stored"], line["waiting"]) == (40, len(rows), 0)
    assert line["dropped"] + line["gaps"] == 40 - len(rows)
    assert line["unreadableBytes"] == 0
    assert (pipeline().accepted, pipeline().stored) == (40, len(rows))


def test_a_spool_of_nothing_but_noise_starts_and_is_told(root: Path, run: Run) -> None:
    fill(root, random.Random(0))
    for path in (root / "0").glob("*.seg"):
        path.write_bytes(random.Random(1).randbytes(path.stat().st_size))

    run("replay", "--slots")

    assert Exchange.objects.count() == 0
    assert run("list")[0] == 1
    Spool(root / "0", LIMIT).shut()
