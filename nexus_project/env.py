"""Typed readers of the environment: the only place that looks at it.

Every reader takes the setting's name and a default, and raises SettingError (name, what is allowed, where to set it) on a
value it cannot use. What the environment gives overrides `.env`. `DOCUMENTED` collects the names for docs/settings.md's test.
"""

import ipaddress
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
DOCUMENTED: dict[str, str] = {}

_environment = os.environ  # noqa: TID251 - this module is the one door to the environment


class SettingError(ImproperlyConfigured):
    """A setting holds a value that Nexus cannot use; the message is one sentence for the operator."""


def read_env_file() -> None:
    """Load `.env` (or the file that NEXUS_ENV_FILE names) without overriding the environment."""
    path = Path(_environment.get("NEXUS_ENV_FILE", BASE_DIR / ".env"))
    if not path.is_file():
        return
    try:
        environ.Env.read_env(path, overwrite=False)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} cannot be read ({error}); mend it or delete it.") from error


def assume(**values: str) -> None:
    """Give names a value that the environment and `.env` leave out: for tools that only need settings that load."""
    for name, value in values.items():
        _environment.setdefault(name, value)


def use_settings(module: str) -> None:
    """Select a settings module (the environment's choice wins) and stop with one sentence if a value is wrong."""
    _environment.setdefault("DJANGO_SETTINGS_MODULE", module)
    from django.conf import settings

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
    return _environment.get(name, default).strip()


def secret(name: str, default: str = "") -> str:
    """A value that may also come from the file that `<name>_FILE` names (a mounted secret); never shown in errors."""
    DOCUMENTED[name] = default
    file = _environment.get(f"{name}_FILE", "")
    if not file:
        return _environment.get(name, default).strip()
    try:
        return Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            f"{name}_FILE={file} cannot be read ({error}); name a readable text file."
        ) from error


def boolean(name: str, *, default: bool | None = False) -> bool | None:
    """true, 1, yes, on or false, 0, no, off; None only when that is the default and the value is absent."""
    DOCUMENTED[name] = "" if default is None else str(default).lower()
    value = _environment.get(name, "").strip().lower()
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
    value = _environment.get(name, "").strip()
    try:
        number = int(value) if value else default
    except ValueError:
        number = minimum - 1
    if minimum <= number <= maximum:
        return number
    raise SettingError(
        f"{name}={value} is not allowed; set it to a whole number from {minimum} to {maximum}."
    )


def words(name: str, default: Sequence[str] = ()) -> list[str]:
    """A list, separated by commas; empty parts are dropped."""
    DOCUMENTED[name] = ",".join(default)
    value = _environment.get(name)
    parts = default if value is None else value.split(",")
    return [part.strip() for part in parts if part.strip()]


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
    """An absolute URL without a trailing slash; empty only when the default is. Never shown: it may hold a password."""
    value = secret(name, default).rstrip("/")
    if not value and not default:
        return ""
    try:
        parts = urlsplit(value)
        good = parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if good:
        return value
    raise SettingError(f"{name} is not a usable address; set it to a URL such as {schemes[0]}://host:port.")


def networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Addresses or networks in CIDR form, separated by commas."""
    try:
        return [ipaddress.ip_network(part) for part in words(name)]
    except ValueError as error:
        raise SettingError(f"{name}: {error}; list addresses or networks such as 10.0.0.0/8.") from error


def folder(name: str, default: str) -> Path:
    """A folder's path; `~` is expanded, a relative one starts at the project."""
    return BASE_DIR / Path(text(name, default)).expanduser()


def database_config(address: str) -> dict[str, object]:
    """Django's database entry for a postgres URL, by django-environ."""
    return dict(environ.Env.db_url_config(address))
