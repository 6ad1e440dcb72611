"""How lines of several speakers appear."""

import io
from typing import IO

from nexus_project.stack.console import Console, Echo


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_each_line_appears_under_its_speaker() -> None:
    stream = io.StringIO()
    output: IO[bytes] = io.BytesIO(b"one\ntwo \xff\nthree")

    echo = Echo(Console(stream), "worker", output)
    echo.join(5)

    assert stream.getvalue() == "worker   │ one\nworker   │ two �\nworker   │ three\n"
    assert list(echo.last) == ["one", "two �", "three"]


def test_on_a_terminal_each_speaker_keeps_a_colour_of_its_own() -> None:
    stream = Terminal()
    console = Console(stream)

    for speaker in ("proxy", "worker", "proxy"):
        console.say("hello", speaker)

    first, second, third = stream.getvalue().splitlines()
    assert first == third
    assert first[:5] != second[:5]


def test_a_terminal_that_has_gone_stops_nobody() -> None:
    stream = io.StringIO()
    console = Console(stream)
    stream.close()

    console.say("into the void")
