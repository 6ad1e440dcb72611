"""Typed readers of the environment: the only place that looks at it.

Every reader takes the setting's name and a default, and raises SettingError (its name and what is allowed) on a value it cannot
use; an empty value counts as not set. What the environment gives overrides `.env`. `DOCUMENTED` collects the names and defaults
for docs/settings.md's test.
"""

import ipaddress
import os
import re
import ssl
import sys
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
DOCUMENTED: dict[str, str] = {}

# Exactly what django-environ reads: anything else it would leave out, and log in clear.
ENV_LINE = re.compile(r"\s*(?:(?:export )?[A-Za-z_0-9]+=.*|#.*)?")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")

_environment = os.environ  # noqa: TID251 - this module is the one door to the environment


class SettingError(ImproperlyConfigured):
    """A setting holds a value that Nexus cannot use; the message is one sentence for the operator."""


def read_env_file() -> None:
    """Load `.env` (or the file that NEXUS_ENV_FILE names) without overriding the environment."""
    named = text("NEXUS_ENV_FILE")
    path = Path(named or BASE_DIR / ".env")
    if not named and not path.exists():
        return
    lines = _env_lines(path)
    given = set(_environment)
    environ.Env.read_env(StringIO(lines), overwrite=False)
    # Or the file's NAME_FILE would win over the environment's NAME.
    for name in _environment.keys() - given:
        if name.removesuffix("_FILE") in given:
            del _environment[name]


def _env_lines(path: Path) -> str:
    """The file's lines, each of which assigns; no value is ever shown, not even of a broken line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SettingError(f"{path} cannot be read ({error.strerror}); fix it or delete it.") from error
    except UnicodeDecodeError:
        raise SettingError(f"{path} is not UTF-8; fix it or delete it.") from None
    for number, line in enumerate(lines, start=1):
        if not ENV_LINE.fullmatch(line):
            raise SettingError(f"{path}, line {number} is not of the form NAME=value; fix that line.")
    return "\n".join(line.strip() for line in lines)


def assume(**values: str) -> None:
    """Give names a value that the environment and `.env` leave out: for tools that only need settings that load."""
    for name, value in values.items():
        _environment.setdefault(name, value)


def use_settings(module: str) -> None:
    """Select a settings module (the environment's choice wins) and stop with one sentence if a value is wrong."""
    from django.conf import settings

    # A process that has its settings leaves the name as it is: what it starts chooses for itself.
    if not settings.configured and not _value("DJANGO_SETTINGS_MODULE"):
        _environment["DJANGO_SETTINGS_MODULE"] = module

    try:
        settings.INSTALLED_APPS  # noqa: B018 - the first access loads the module
    except SettingError as error:
        sys.exit(f"nexus: {error}")


def export(**values: str) -> None:
    """Set names for this process and all that it starts."""
    _environment.update(values)


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process to be started, with `extra` on top."""
    return {**_environment, **extra}


def text(name: str, default: str = "") -> str:
    """A plain value, stripped."""
    DOCUMENTED[name] = default
    return _value(name) or default


def either_case(name: str) -> str:
    """A plain value whose name other programs also write in lower case."""
    return text(name) or _value(name.lower())


def _value(name: str) -> str:
    return _environment.get(name, "").strip()


def secret(name: str, default: str = "") -> str:
    """One line that may also come from the file that `<name>_FILE` names (a mounted secret); never shown in errors."""
    DOCUMENTED[name] = default
    file = secret_file(name)
    value = _content(name, file) if file else _value(name)
    if value.isprintable():
        return value or default
    raise SettingError(f"{name} holds a line break or another control character; set it to one line of text.")


def secret_file(name: str) -> str:
    """The file that a secret comes from, "" where it is given itself."""
    return _value(f"{name}_FILE")


def _content(name: str, file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        why = error.strerror
    except UnicodeDecodeError:  # its own message shows bytes of the secret
        why = "not UTF-8"
    raise SettingError(f"{name}_FILE={file} cannot be read ({why}); name a readable text file.")


def boolean(name: str, *, default: bool | None = False) -> bool | None:
    """true, 1, yes, on or false, 0, no, off; None only when that is the default and the value is absent."""
    DOCUMENTED[name] = "" if default is None else str(default).lower()
    value = _value(name).lower()
    if not value:
        return default
    if value in {"true", "1", "yes", "on"}:
        return True
    if value in {"false", "0", "no", "off"}:
        return False
    raise SettingError(f"{name}={value} is not a boolean; set it to true or false.")


def flag(name: str, *, default: bool = False) -> bool:
    """A boolean that is never absent."""
    return bool(boolean(name, default=default))


def integer(name: str, default: int, *, minimum: int = 0, maximum: int = 2**62) -> int:
    """A whole number between the two bounds, both allowed."""
    DOCUMENTED[name] = str(default)
    value = _value(name)
    try:
        number = int(value or default)
    except ValueError:
        number = minimum - 1
    if minimum <= number <= maximum:
        return number
    raise SettingError(
        f"{name}={value} is not allowed; set it to a whole number from {minimum} to {maximum}."
    )


def words(name: str) -> list[str]:
    """A list, separated by commas; empty parts are dropped."""
    return [part.strip() for part in text(name).split(",") if part.strip()]


def secrets(name: str) -> list[str]:
    """A list of secrets, separated by commas; also from `<name>_FILE`."""
    return [part.strip() for part in secret(name).split(",") if part.strip()]


def choice(name: str, default: str, allowed: Sequence[str]) -> str:
    """One of the allowed words, in lower case."""
    value = text(name, default).lower()
    if value in allowed:
        return value
    raise SettingError(f"{name}={value} is not allowed; set it to one of: {', '.join(allowed)}.")


def url(name: str, default: str = "", schemes: Sequence[str] = ("http", "https")) -> str:
    """An absolute URL without a trailing slash; "" only when the default is. Never shown: it may hold a password."""
    value = secret(name, default).rstrip("/")
    if not value or _is_url(value, schemes):
        return value
    raise SettingError(f"{name} is not a usable address; set it to a URL such as {schemes[0]}://host:port.")


def _is_url(value: str, schemes: Sequence[str]) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, an address that is none
        return False


def proxy(name: str) -> str:
    """The URL of an http or https proxy, "" for none; `host:port` alone is http. Never shown: it may hold a password.

    Also from `<name>_FILE`, and from the name in lower case, which other programs read.
    """
    value = secret(name) or _value(name.lower())
    if value and "://" not in value:
        value = f"http://{value}"
    if not value or (_is_url(value, ("http", "https")) and _ends_at_the_host(value)):
        return value
    raise SettingError(
        f"{name} is not a usable proxy; set it to http://host:port or https://host:port, with user:password@ before the host where "
        "the proxy wants them (special characters percent-encoded)."
    )


def _ends_at_the_host(address: str) -> bool:
    """Else a password that is not percent-encoded was taken for a part of the URL."""
    parts = urlsplit(address)
    return address.isprintable() and parts.path in {"", "/"} and not parts.query and not parts.fragment


def certificates(name: str) -> str:
    """The path of a readable file of certificates in PEM, "" when none is named."""
    value = file(name)
    try:
        if value:
            ssl.create_default_context(cafile=value)
    except OSError as error:  # ssl.SSLError is one
        raise SettingError(
            f"{name}={value} holds no certificates; name a file of certificates in PEM."
        ) from error
    return value


def origins(name: str) -> list[str]:
    """Origins as browsers send them (RFC 6454 §6.2), separated by commas."""
    found = words(name)
    for origin in found:
        if not _ORIGIN.fullmatch(origin):
            raise SettingError(
                f"{name}={origin} is not allowed; list origins such as https://app.example.com."
            )
    return found


def networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Addresses or networks in CIDR form, separated by commas."""
    try:
        return [ipaddress.ip_network(part) for part in words(name)]
    except ValueError as error:
        raise SettingError(f"{name}: {error}; list addresses or networks such as 10.0.0.0/8.") from error


def time_zone(name: str, default: str) -> str:
    """The name of a time zone in the IANA database."""
    value = text(name, default)
    try:
        return ZoneInfo(value).key
    except (KeyError, ValueError, OSError) as error:
        raise SettingError(
            f"{name}={value} is no time zone; set it to a name such as Europe/Berlin."
        ) from error


def folder(name: str, default: str) -> Path:
    """A folder's path; `~` is expanded, a relative one starts at the project."""
    value = text(name, default)
    try:
        return BASE_DIR / Path(value).expanduser()
    except RuntimeError as error:
        raise SettingError(f"{name}={value}: {error}; set it to a folder's path.") from error


def file(name: str) -> str:
    """The path of a readable file, "" when none is named."""
    value = text(name)
    if value and not os.access(value, os.R_OK):
        raise SettingError(f"{name}={value} cannot be read; name a readable file.")
    return value


def database_config(address: str) -> dict[str, Any]:
    """Django's database entry for a postgres URL, by django-environ."""
    return dict(environ.Env.db_url_config(address))
