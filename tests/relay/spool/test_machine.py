"""Whatever happens in whatever order: accepted = confirmed + waiting + dropped, and each byte comes back."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from proxy.relay.spool.record import Entry
from proxy.relay.spool.spool import Spool
from tests.relay.disk import bytes_of_segments

LIMIT = 20_000
bodies = st.binary(max_size=300) | st.builds(bytes, st.integers(0, 6000))


class SpoolMachine(RuleBasedStateMachine):
    """The spool beside a model of it: what is open, what each record holds, what was confirmed."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="nexus-spool-"))
        self.spool = Spool(self.root / "0", LIMIT)
        self.open: list[Entry] = []
        self.taken: list[int] = []
        self.kept: dict[int, tuple[bytes, bytes]] = {}
        self.closed: set[int] = set()
        self.confirmed = 0

    def teardown(self) -> None:
        self.spool.shut()
        shutil.rmtree(self.root)

    @rule(body=bodies, own_file=st.booleans())
    def open_one(self, body: bytes, own_file: bool) -> None:
        fits = not body or self.spool._writer.has_room(len(body) + 33)
        entry = self.spool.open(b"head", b"" if own_file else body)
        if entry.closed:
            return
        if own_file and body:
            self.spool.add_body(entry, body)
        if fits or not entry.body_dropped:
            self.kept[entry.serial] = (b"" if entry.body_dropped else body, b"")
        else:
            self.kept[entry.serial] = (b"", b"")
        self.open.append(entry)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), fragment=bodies)
    def append(self, data: st.DataObject, fragment: bytes) -> None:
        entry = data.draw(st.sampled_from(self.open))
        if self.spool.append(entry, fragment):
            request, response = self.kept[entry.serial]
            self.kept[entry.serial] = (request, response + fragment)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), fragment=bodies)
    def close(self, data: st.DataObject, fragment: bytes) -> None:
        entry = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        fits = self.spool._writer.has_room(len(fragment))
        self.spool.close(entry, fragment, b"closing")
        request, response = self.kept[entry.serial]
        self.kept[entry.serial] = (request, response + fragment * fits)
        self.closed.add(entry.serial)

    @rule(count=st.integers(1, 5), size=st.integers(1, 10_000))
    def take(self, count: int, size: int) -> None:
        taken = self.spool.take(count, size)
        assert len(taken) <= count
        for serial in taken:
            found = self.spool.read(serial)
            assert found
            assert (found.request_body, found.response_body) == self.kept[serial]
            assert found.closing == (b"closing" if serial in self.closed else b"")
        self.taken += taken

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        serials = self.taken_some(data)
        self.spool.give_back(serials)
        assert self.spool.take(1, 1) == serials[:1]
        self.spool.give_back(serials[:1])

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def discard(self, data: st.DataObject) -> None:
        serials = self.taken_some(data)
        self.spool.discard(serials)
        self.spool.give_back(serials)
        self.confirmed += len(serials)
        for serial in serials:
            del self.kept[serial]

    def taken_some(self, data: st.DataObject) -> list[int]:
        count = data.draw(st.integers(1, len(self.taken)))
        some, self.taken = self.taken[:count], self.taken[count:]
        return some

    @rule(killed=st.booleans())
    def restart(self, killed: bool) -> None:
        """After a kill, a part of what was confirmed may be found again: it then waits again, and ingest knows it."""
        accepted, dropped = self.spool.accepted, self.spool.dropped
        copy = self.root / "copy"
        if killed:
            shutil.copytree(self.root / "0", copy)
        self.spool.shut()
        if killed:
            shutil.rmtree(self.root / "0")
            copy.rename(self.root / "0")
        self.spool = Spool(self.root / "0", LIMIT)
        assert (self.spool.accepted, self.spool.dropped) == (accepted, dropped)
        self.open, self.taken = [], []
        found = self.spool.take(10**6, 10**9)
        assert set(self.kept) <= set(found)
        again = set(found) - set(self.kept)
        self.spool.discard(list(again))
        self.spool.give_back(found)

    @invariant()
    def nothing_is_lost_or_counted_twice(self) -> None:
        spool = self.spool
        assert spool.accepted == self.confirmed + spool.waiting + spool.dropped
        assert spool.waiting == len(self.kept)
        assert spool.used == bytes_of_segments(self.root / "0")


TestSpoolMachine = SpoolMachine.TestCase
