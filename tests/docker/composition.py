"""Reads compose.yaml as `docker compose` would: merged anchors, variables put in (compose-spec, 12-interpolation)."""

import json
import re
from collections.abc import Mapping
from importlib.metadata import distribution
from typing import Any

import yaml

from nexus_project.env import BASE_DIR

VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?:(?P<rule>:[-?])(?P<rest>[^}]*))?\})")
TEXT = (BASE_DIR / "compose.yaml").read_text()


class MissingVariable(Exception):
    """A `${NAME:?sentence}` without a value; the message is the sentence."""


def load() -> dict[str, Any]:
    """The file as written, anchors merged."""
    content: dict[str, Any] = yaml.safe_load(TEXT)
    return content


def services(**variables: str) -> dict[str, dict[str, Any]]:
    """The services with `variables` (the operator's `.env`) put in. Raises MissingVariable."""
    found: dict[str, dict[str, Any]] = json.loads(interpolate(json.dumps(load()["services"]), variables))
    return found


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name, rule, rest = match["name"], match["rule"], match["rest"]
        if not name:
            return "$"
        if rule == ":?" and not variables.get(name):
            raise MissingVariable(f"{name}: {rest}")
        return variables.get(name) or (rest or "")

    return VARIABLE.sub(value, text)


def schema() -> dict[str, Any]:
    """The compose specification's JSON schema, as check-jsonschema ships it."""
    deployment = "check_jsonschema/builtin_schemas/vendor/compose-spec.json"
    path = distribution("check-jsonschema").locate_file(deployment)
    content: dict[str, Any] = json.loads(path.read_text())
    return content
