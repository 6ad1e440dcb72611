"""Builds and runs an image without a container engine: its Dockerfile's own lines, below a folder that stands for the root.

COPY obeys .dockerignore, RUN runs in the shell and CMD as the declared user. The places below are the only ones that map.
"""

import itertools
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nexus_project import env
from nexus_project.env import BASE_DIR
from tests.docker import dockerfile, stand_in
from tests.docker.dockerfile import Ignore, Stage
from tests.docker.stand_in import StandIn

PLACES = re.compile(r"(?<![\w.-])/(?=(?:opt/venv|app|var/lib/nexus|run/secrets)(?:[/:\s\"']|\Z))")
PIP = re.compile(r"PIP_|.*_proxy\Z|SSL_CERT|HOME\Z|LANG\Z", re.IGNORECASE)
SYSTEM_PATH = "/usr/bin:/bin"
# The account itself is this machine's affair, and only root can give files away.
SHELL = "useradd() { :; }; " + ("" if os.geteuid() == 0 else "chown() { :; }; ")


@dataclass(frozen=True, slots=True)
class Image:
    """A built image: where its files are, and what its last stage declares."""

    root: Path
    environment: dict[str, str]
    stage: Stage
    runs_as: StandIn

    def inside(self, text: str) -> str:
        """A path or a command word of the image as it is on this machine."""
        return PLACES.sub(f"{self.root}/", text)

    @property
    def data_dir(self) -> Path:
        return Path(self.inside(self.environment["NEXUS_DATA_DIR"]))

    @property
    def user(self) -> int:
        return dockerfile.user(self.stage)

    @property
    def command(self) -> list[str]:
        return self.stage.last("CMD").exec_form

    @property
    def healthcheck(self) -> list[str]:
        return self.stage.last("HEALTHCHECK").exec_form

    def start(
        self, command: list[str], environment: Mapping[str, str], log: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """`docker run -e …`: nothing of this process's own environment gets in."""
        owner = self.runs_as.account
        with Path(log or os.devnull).open("ab") as output:
            return subprocess.Popen(
                [self.inside(word) for word in command],
                env={name: self.inside(value) for name, value in {**self.environment, **environment}.items()},
                cwd=self.root / "app",
                stdout=output,
                stderr=output,
                start_new_session=True,
                user=owner.uid if owner else None,
                group=owner.gid if owner else None,
                extra_groups=[] if owner else None,
                umask=0o022,
            )


@dataclass
class Builder:
    """Builds images below one folder; equal beginnings of stages are built once, as Docker's cache does it."""

    folder: Path
    _ignore: Ignore = field(default_factory=lambda: Ignore(BASE_DIR / ".dockerignore"))
    _layers: dict[tuple[str, ...], Path] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def build(self, name: str) -> Image:
        stages = dockerfile.read(name)
        runs_as = stand_in.find(dockerfile.user(stages[-1]))
        built: dict[str, Path] = {}
        for stage in stages:
            built[stage.name] = self._build(stage, built, runs_as.python)
        return Image(built[stage.name], _environment(stage), stage, runs_as)

    def _build(self, stage: Stage, built: Mapping[str, Path], python: Path) -> Path:
        steps = [f"{each.keyword} {each.value}" for each in stage.instructions]
        done, base = self._longest_layer((stage.base, *steps))
        root = self._copy_of(base)
        for position, each in enumerate(stage.instructions[done:], start=done + 1):
            if each.keyword == "COPY":
                self._copy(each.words, root, built)
            elif each.keyword == "RUN":
                _run(each.value, root, python)
                if " pip " in each.value:
                    self._layers[(stage.base, *steps[:position])] = self._copy_of(root)
        return root

    def _longest_layer(self, steps: tuple[str, ...]) -> tuple[int, Path | None]:
        """How many of the steps (after FROM) a layer holds already, and its folder."""
        for length in range(len(steps), 0, -1):
            if steps[:length] in self._layers:
                return length - 1, self._layers[steps[:length]]
        return 0, None

    def _copy_of(self, base: Path | None) -> Path:
        root = self.folder / str(next(self._numbers))
        if base:
            shutil.copytree(base, root, symlinks=True, copy_function=os.link)
        for deployment in ("app", "var/lib", "opt"):
            (root / deployment).mkdir(parents=True, exist_ok=True)
        return root

    def _copy(self, words: list[str], root: Path, built: Mapping[str, Path]) -> None:
        option, source, target = words if len(words) == 3 else ("", *words)
        if option:
            # Moved: no later line looks at the earlier stage, and a copy takes its time.
            earlier = built[option.removeprefix("--from=")] / source.lstrip("/")
            earlier.rename(root / target.lstrip("/"))
            return
        for path in [BASE_DIR / source, *(BASE_DIR / source).rglob("*")]:
            relative = path.relative_to(BASE_DIR).as_posix()
            if path.is_file() and self._ignore.keeps(relative):
                copy = root / "app" / target / path.relative_to(BASE_DIR / source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, copy)


def _environment(stage: Stage) -> dict[str, str]:
    words = [word for each in stage.all("ENV") for word in each.words]
    return {"PATH": SYSTEM_PATH} | {
        name: value.replace("$PATH", SYSTEM_PATH) for name, value in (word.split("=", 1) for word in words)
    }


def _run(line: str, root: Path, python: Path) -> None:
    """One RUN line in the shell, with pip's settings of this machine and nothing else of its environment."""
    given = {name: value for name, value in env.child_environment({}).items() if PIP.match(name)}
    prelude = f'{SHELL} python() {{ {shlex.quote(str(python))} "$@"; }}; '
    done = subprocess.run(
        ["/bin/sh", "-ec", prelude + PLACES.sub(f"{root}/", line)],
        env={**given, "PATH": SYSTEM_PATH},
        cwd=root / "app",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"RUN {line} ended with {done.returncode}:\n{done.stdout[-3000:]}")
