"""Real processes sign in to PostgreSQL as their roles, with passwords, and what they signed in as can be asked."""

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import psutil
import psycopg

from nexus_project import env
from nexus_project.operations import roles
from nexus_project.operations.grants import DASHBOARD, PROXY, WORKER
from nexus_project.operations.roles import ADDRESS_SETTINGS

BY_SERVICE = {"proxy": PROXY, "worker": WORKER, "beat": WORKER, "dashboard": DASHBOARD}


def address(owner_url: str, service: str) -> str:
    """Where a service signs in to a database, made from the owner's address."""
    role = BY_SERVICE[service]
    return roles.address(owner_url, role, password(role))


def password(role: str) -> str:
    """From the address that tests/servers.py has provided."""
    return unquote(urlsplit(env.secret(ADDRESS_SETTINGS[role])).password or "")


def with_its_own(service: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a service as its supervisor gives it: with the address of its role in place of the owner's."""
    url = environment.get("DATABASE_URL", "")
    is_owners = url and urlsplit(url).username == urlsplit(env.secret("DATABASE_URL")).username
    if is_owners and service in BY_SERVICE:
        return {**environment, "DATABASE_URL": address(url, service)}
    return dict(environment)


def grant(owner_url: str) -> None:
    """Give the roles their rights in a database that has just been migrated."""
    with psycopg.connect(owner_url) as owner:
        roles.grant(owner)


def signed_in_as(owner_url: str, pid: int) -> set[str]:
    """As whom a process and its children hold connections to this database, by PostgreSQL's own account."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    ports = {link.laddr.port for one in family for link in one.net_connections("tcp") if link.raddr}
    query = (
        "SELECT usename FROM pg_stat_activity WHERE datname = current_database() AND client_port = ANY(%s)"
    )
    with psycopg.connect(owner_url) as owner:
        return {user for (user,) in owner.execute(query, [list(ports)])}
