import re
import time

from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.reminders import WHITESPACE, without_reminders

PREDECESSORS_PATTERN = re.compile(
    rf"[{WHITESPACE}]*<system-reminder>[\s\S]*?</system-reminder>", re.IGNORECASE | re.ASCII
)
parts = st.sampled_from(
    ["<system-reminder>", "</system-reminder>", "</SYSTEM-reminder>", " ", "\n", "\u00a0", "a"]
)


@given(st.lists(parts, max_size=20))
def test_reminders_go_exactly_as_with_the_predecessors_pattern(texts: list[str]) -> None:
    text = "".join(texts)

    assert without_reminders(text) == PREDECESSORS_PATTERN.sub("", text)


def test_blank_space_and_unclosed_reminders_take_linear_time() -> None:
    start = time.process_time()

    without_reminders(" " * 1_000_000 + "<system-reminder>" * 50_000)

    assert time.process_time() - start < 1
