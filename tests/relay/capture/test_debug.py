"""What DEBUG logs of an answer that the network cuts anywhere."""

import logging

import pytest
from pytest_django.fixtures import Settings

from proxy.relay.capture import debug
from proxy.relay.capture.exchange import Exchange

SECRET = b"sk-ant-api03-" + b"abcdefghijklmnopqrstuvwx" * 2


def logged(caplog: pytest.LogCaptureFixture) -> str:
    return "".join(record.chunk for record in caplog.records)  # type: ignore[attr-defined]  # an extra field


def feed(*fragments: bytes) -> None:
    chunks = debug.chunks(Exchange(None, lambda exchange: None))
    assert chunks
    for fragment in fragments:
        chunks.add(fragment)
    chunks.end()


@pytest.fixture(autouse=True)
def _debugging(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.DEBUG = True
    caplog.set_level(logging.DEBUG, "nexus.debug")


@pytest.mark.parametrize("cut", range(1, len(SECRET), 7))
def test_predecessor_defect_16_a_credential_cut_by_the_network_is_masked(
    caplog: pytest.LogCaptureFixture, cut: int
) -> None:
    feed(b"data: one\ndata: " + SECRET[:cut], SECRET[cut:] + b" two\n\n")

    assert logged(caplog) == "data: one\ndata: sk-ant-**** two\n\n"


def test_an_answer_without_line_ends_is_logged_at_its_end(caplog: pytest.LogCaptureFixture) -> None:
    feed(b'{"a": ', b"1}")

    assert logged(caplog) == '{"a": 1}'


def test_what_is_held_back_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    chunks = debug.Chunks(Exchange(None, lambda exchange: None))

    chunks.add(b"x" * (debug.LONGEST_HELD + 5))

    assert logged(caplog) == "xxxxx"


def test_without_debug_nothing_is_logged(settings: Settings) -> None:
    settings.DEBUG = False

    assert debug.chunks(Exchange(None, lambda exchange: None)) is None
