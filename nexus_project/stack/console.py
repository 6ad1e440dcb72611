"""What the stack says on the terminal: its own lines and its children's, each under its speaker's name."""

import sys
import threading
from collections import deque
from typing import IO, TextIO

from nexus_project import env

COLOURS = (36, 33, 32, 35, 34, 96, 93)
WIDTH = 9
KEPT_LINES = 12


class Console:
    """Prints lines from several threads without mixing them."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._lock = threading.Lock()
        self._colours: dict[str, int] = {}
        self._coloured = self._stream.isatty() and not env.text("NO_COLOR")

    def say(self, text: str, speaker: str = "nexus") -> None:
        """Print one line under the speaker's name."""
        with self._lock:
            prefix = f"{speaker:<{WIDTH}}│"
            if self._coloured:
                colour = self._colours.setdefault(speaker, COLOURS[len(self._colours) % len(COLOURS)])
                prefix = f"\033[{colour}m{prefix}\033[0m"
            try:
                self._stream.write(f"{prefix} {text}\n")
                self._stream.flush()
            except (OSError, ValueError):
                pass  # the terminal has gone; the services must still be stopped in order


class Echo:
    """Copies a child's output to the console, line by line, and keeps the last ones."""

    def __init__(self, console: Console, speaker: str, output: IO[bytes]) -> None:
        self._console, self._speaker, self._output = console, speaker, output
        self.last: deque[str] = deque(maxlen=KEPT_LINES)
        self._thread = threading.Thread(target=self._copy, name=f"echo-{speaker}", daemon=True)
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait for the end of the output; a grandchild that holds it open is not waited for longer."""
        self._thread.join(seconds)

    def _copy(self) -> None:
        with self._output:
            for raw in self._output:
                line = raw.decode(errors="replace").rstrip()
                self.last.append(line)
                self._console.say(line, self._speaker)
