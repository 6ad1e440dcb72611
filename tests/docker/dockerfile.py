"""Reads a Dockerfile: logical lines, stages, exec forms (docs.docker.com/reference/dockerfile)."""

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from nexus_project.env import BASE_DIR


@dataclass(frozen=True, slots=True)
class Instruction:
    """One logical line: the keyword in capitals and the rest with its continuations joined."""

    keyword: str
    value: str

    @property
    def words(self) -> list[str]:
        """The value as a shell would split it."""
        return shlex.split(self.value)

    @property
    def exec_form(self) -> list[str]:
        """The JSON list after CMD or within HEALTHCHECK; ValueError for the shell form."""
        command = self.value.partition("CMD ")[2] if self.keyword == "HEALTHCHECK" else self.value
        words: list[str] = json.loads(command)
        return words


@dataclass(frozen=True, slots=True)
class Stage:
    """What stands between two FROM lines; `name` is what follows AS."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, keyword: str) -> list[Instruction]:
        return [each for each in self.instructions if each.keyword == keyword]

    def last(self, keyword: str) -> Instruction:
        """The one that counts; IndexError when there is none."""
        return self.all(keyword)[-1]


def read(image: str) -> list[Stage]:
    """The stages of docker/<image>/Dockerfile."""
    return parse((BASE_DIR / "docker" / image / "Dockerfile").read_text())


def user(stage: Stage) -> int:
    """The number of the user that its processes run as."""
    return int(stage.last("USER").value.partition(":")[0])


def parse(text: str) -> list[Stage]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    stages: list[Stage] = []
    for line in joined.splitlines():
        keyword, _, value = line.partition(" ")
        if keyword == "FROM":
            base, _, name = value.partition(" AS ")
            stages.append(Stage(base, name))
        else:
            stages[-1].instructions.append(Instruction(keyword, value.strip()))
    return stages


class Ignore:
    """A .dockerignore: of the patterns that match a path or a folder above it, the last decides."""

    def __init__(self, path: Path) -> None:
        lines = [line.strip() for line in path.read_text().splitlines()]
        patterns = [line for line in lines if line and not line.startswith("#")]
        self._rules = [(_regex(each.removeprefix("!")), each.startswith("!")) for each in patterns]

    def keeps(self, path: str) -> bool:
        """Whether a path, relative to the context, gets into the build."""
        return next((keep for rule, keep in reversed(self._rules) if rule.match(path)), True)


def _regex(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*)", pattern)
    meaning = {"**/": "(?:.*/)?", "*": "[^/]*"}
    return re.compile("".join(meaning.get(part) or re.escape(part) for part in parts) + r"(?:/|\Z)")
