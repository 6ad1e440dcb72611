"""Whatever error a system call of spool, shipper and recovery gives: no good record is lost, and all are stored once it is gone."""

import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pytest
from uuid_utils import uuid4

from proxy import record
from proxy.batch import decode
from proxy.heartbeat import Heartbeat
from proxy.record import ABORTED, Batch, Part, Record
from proxy.relay.shipping.broker import Broker, State
from proxy.relay.shipping.shipper import Shipper
from proxy.relay.spool.directory import Left, look_into
from proxy.relay.spool.recovery import claim
from proxy.relay.spool.spool import Spool
from tests.relay.examples import make_closing, make_head
from tests.relay.faults import BEHIND, ERRORS, Kernel, kernel
from tests.relay.large import FRAGMENTS, accept_results, small_bounds

LIMIT = 400_000  # a file takes 50,000 bytes
ALWAYS = range(10**9)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """So that results travel in parts, and a life has several batches."""
    monkeypatch.setattr("proxy.relay.shipping.shipper.MAX_BYTES", 9000)
    with small_bounds():
        yield


@dataclass
class Store(Broker):
    """Redis and a worker that commits what it gets at once; each id counts once."""

    records: dict[str, Record] = field(default_factory=dict)
    stored: Counter[str] = field(default_factory=Counter)
    beats: dict[str, Heartbeat] = field(default_factory=dict)

    def send(self, payload: bytes) -> str:
        message = decode(payload)
        batch = message.batch if isinstance(message, Part) else message
        if batch:
            self._commit(batch)
        return str(uuid4())

    def _commit(self, batch: Batch) -> None:
        for item in batch.records:
            if item.head.id not in self.records:
                self.records[item.head.id] = item
                self.stored[batch.spool] += 1

    def states(self, task_ids: Sequence[str]) -> list[State]:
        return [State.DONE for _ in task_ids]

    def forget(self, task_ids: Sequence[str]) -> None: ...

    def keep(self, task_ids: object) -> None: ...

    def report(self, spool: str, beat: Heartbeat) -> None:
        self.beats[spool] = beat

    def gaps(self) -> int:
        """As the pipeline counts them (`proxy.store.pipeline.state_of`)."""
        return sum(
            max(0, beat.accepted - beat.dropped - beat.waiting - self.stored[spool])
            for spool, beat in self.beats.items()
        )


Bodies = dict[str, tuple[bytes, bytes]]


def accept(spool: Spool, number: int, *, ended: bool = True) -> tuple[str, bytes, bytes]:
    """A record of one of several kinds: small, a stream in pieces, with a body in a file of its own."""
    body, response = (
        bytes([number]) * (500 + 3000 * (number % 3)),
        bytes([255 - number]) * (900 * (number % 5)),
    )
    head = make_head(body)
    alone = number % 3 == 2
    entry = spool.open(record.encode(head), b"" if alone else body)
    if alone:
        spool.add_body(entry, body)
    spool.append(entry, response[:1000])
    if ended:
        spool.close(entry, response[1000:], record.encode(make_closing(response)))
    return head.id, body, response


@dataclass
class Past:
    """What dead processes left: the bodies of the records that ended, the ids of those that did not and of results."""

    ended: Bodies = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    results: set[str] = field(default_factory=set)
    spools: dict[str, int] = field(default_factory=dict)


def leave(root: Path) -> Past:
    left = Past()
    for name, count in (("0", 14), ("1", 5)):
        spool = Spool(root / name, LIMIT // 4)
        for number in range(count):
            key, *bodies = accept(spool, number, ended=number % 7 != 6)
            if number % 7 == 6:
                left.running.add(key)
            else:
                left.ended[key] = (bodies[0], bodies[1])
        left.results.add(accept_results(spool))
        spool.save()
        spool.shut()
        left.spools[spool.id] = spool.accepted
    return left


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Past]:
    root = tmp_path_factory.mktemp("template") / "spool"
    return root, leave(root)


def live(root: Path, store: Store, taken: Bodies, between: Callable[[], None] = lambda: None) -> bool:
    """A process' life: it takes over, accepts and ships for some minutes; False if it could not start."""
    try:
        spool = claim(root, LIMIT)
    except OSError:
        return False
    shipper = Shipper(root, spool, store)
    now = 1000.0
    for number in range(6):
        key, *bodies = accept(spool, number + 20)
        taken[key] = (bodies[0], bodies[1])
        if number == 3:
            between()
        for _ in range(3):
            now += 31
            shipper.turn(now)  # raises nothing
            # What was stored and not confirmed yet is both.
            assert spool.accepted <= store.stored[spool.id] + spool.waiting + spool.dropped
            assert store.gaps() == 0
    for item in shipper._spools:
        item.shut()
    return True


def settle(root: Path, store: Store) -> list[Left]:
    """A life in which nothing fails, until all is shipped; what the directories say then."""
    spool = claim(root, LIMIT)
    shipper = Shipper(root, spool, store)
    now = 1000.0
    while now < 1300 or len(shipper._spools) > 1 or spool.waiting:
        now += 61
        shipper.turn(now)
        shipper.turn(now + 1)
        assert now < 3000, [(item.folder, item.waiting, item.unreadable) for item in shipper._spools]
    spool.shut()
    assert store.gaps() == 0
    found = [look_into(folder) for folder in root.iterdir()]
    assert [item.accepted - item.dropped for item in found] == [store.stored[item.id] for item in found]
    return found


def check(left: Past, store: Store, taken: Bodies, sums: list[Left]) -> None:
    """Every record that was good is stored as it was; of those that came meanwhile each loss is counted."""
    for key, (request, response) in left.ended.items():
        found = store.records[key]
        assert (found.request_body, found.response_body) == (request, response)
        assert found.closing.outcome != ABORTED
    assert {key for key in left.running if store.records[key].closing.outcome == ABORTED} == left.running
    for key in left.results:
        assert store.records[key].closing.response_size == sum(map(len, FRAGMENTS))
        assert store.records[key].closing.response_digest
    lost = bodies = 0
    for key, (request, response) in taken.items():
        only = store.records.get(key)
        if only is None:
            lost += 1
            continue
        assert only.request_body == request or only.head.body_dropped
        assert (
            only.response_body == response or only.closing.response_dropped or only.closing.outcome == ABORTED
        )
        bodies += only.head.body_dropped or only.closing.response_dropped
    assert sum(sum_.dropped for sum_ in sums) == lost
    assert sum(sum_.bodies_dropped for sum_ in sums) >= bodies
    assert sum(sum_.accepted for sum_ in sums) == len(store.records) + lost


def calls(name: str, template: Path, root: Path) -> int:
    """How often a call is made in a life in which nothing fails but what it follows."""
    with kernel() as made:
        shutil.copytree(template, root)
        before = made.calls[name]
        if name in BEHIND:
            made.fail(*BEHIND[name])
        assert live(root, Store(), {})
        return made.calls[name] - before


def scenarios(name: str, calls: int) -> Iterator[tuple[int, range, bool]]:
    """Each call fails once, with the errors in turn; then all of them with each error, from the start or while it runs."""
    errors = ERRORS[name]
    for position in range(calls):
        yield errors[position % len(errors)], range(position, position + 1), False
    for number in errors:
        yield number, ALWAYS, False
        yield number, ALWAYS, True


@pytest.mark.parametrize("name", ERRORS)
def test_no_error_of_any_call_costs_a_good_record(
    name: str,
    template: tuple[Path, Past],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    made_calls = calls(name, template[0], tmp_path / "counted")
    assert made_calls or name in ("listdir", "scandir")  # one of the two, by the version of Python
    tried = 0
    with kernel() as made:
        for number, (error, positions, later) in enumerate(scenarios(name, made_calls)):
            try:
                tried += suffer(template, tmp_path / str(number), made, name, error, positions, later=later)
            except AssertionError as failure:
                raise AssertionError(f"{name} with {error} at {positions}, later={later}") from failure
            shutil.rmtree(tmp_path / str(number))
    assert tried >= made_calls


def suffer(
    template: tuple[Path, Past],
    root: Path,
    made: Kernel,
    name: str,
    error: int,
    positions: range,
    *,
    later: bool,
) -> bool:
    """A life with the fault, then one without; whether the fault came."""
    shutil.copytree(template[0], root)
    store, taken = Store(), Bodies()
    before = made.failed[name]

    def fail() -> None:
        made.fail(name, error, positions)
        if name in BEHIND:
            made.fail_too(*BEHIND[name])

    if not later:
        fail()
    live(root, store, taken, fail if later else lambda: None)
    made.fix()
    failed = made.failed[name] > before
    check(template[1], store, taken, settle(root, store))
    return failed


def test_a_minute_with_a_broken_disk_is_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root, store = tmp_path / "spool", Store()
    spool = claim(root, LIMIT)
    shipper = Shipper(root, spool, store)
    bodies = dict(islice(((key, (a, b)) for key, a, b in (accept(spool, item) for item in range(40))), 40))
    with kernel() as made:
        for name, number, now in (("open", 24, 1000.0), ("pread", 5, 1030.0)):
            made.fail(name, number, ALWAYS)
            for seconds in range(0, 30, 5):
                shipper.turn(now + seconds)
            assert (spool.waiting, spool.dropped, spool.unreadable, len(store.records)) == (40, 0, 40, 0)
            spool.try_again()
        made.fix()
    assert caplog.messages.count("spool.unreadable") == 1

    for seconds in range(80):
        shipper.turn(1100.0 + seconds)
    assert (spool.waiting, spool.dropped) == (0, 0)
    assert {key: (item.request_body, item.response_body) for key, item in store.records.items()} == bodies
    spool.shut()
