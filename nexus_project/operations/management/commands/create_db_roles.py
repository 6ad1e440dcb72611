"""`manage.py create_db_roles`: PostgreSQL keeps each process to what it needs."""

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from nexus_project.operations import roles
from nexus_project.operations.grants import DASHBOARD, PROXY, WORKER
from nexus_project.operations.roles import ADDRESS_SETTINGS, Made, RolesError


class Command(BaseCommand):
    """Make the roles, take all rights from them and from PUBLIC, and give each what its process needs."""

    help = (
        "Make the PostgreSQL roles nexus_proxy, nexus_worker and nexus_dashboard, and give each exactly the rights that its "
        "process needs. Run it as the owner of the tables, after each `manage.py migrate`; it may be run at any time. A password "
        "comes from PROXY_DB_PASSWORD, WORKER_DB_PASSWORD or DASHBOARD_DB_PASSWORD (or the file that <NAME>_FILE names); a role "
        "that is there already keeps its own otherwise, and a new one gets a fresh one, shown this once. Then give each process "
        "the address of its role: docs/operations.md#roles."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the three addresses as JSON instead")

    def handle(self, *args: Any, **options: Any) -> None:
        connection.ensure_connection()
        try:
            with connection.connection.transaction():
                made = roles.make(connection.connection, given_passwords())
                roles.grant(connection.connection)
        except RolesError as error:
            raise CommandError(str(error)) from error
        except psycopg.errors.InsufficientPrivilege as error:
            who = connection.settings_dict["USER"]
            raise CommandError(
                f"{who} may not do that ({error.diag.message_primary}): it has to own the tables and to have CREATEROLE "
                f"(as a superuser: ALTER ROLE {who} CREATEROLE)."
            ) from error
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction) as error:
            raise CommandError(
                f"{error.diag.message_primary}: run `manage.py migrate` first, then this again."
            ) from error
        self.stdout.write(as_json(made) if options["json"] else reported(made))


def given_passwords() -> dict[str, str]:
    """The passwords that the settings name, "" for the others."""
    return {
        PROXY: settings.PROXY_DB_PASSWORD,
        WORKER: settings.WORKER_DB_PASSWORD,
        DASHBOARD: settings.DASHBOARD_DB_PASSWORD,
    }


def as_json(made: Sequence[Made]) -> str:
    """Each role's address under its setting's name; one whose password was kept stands without it."""
    return json.dumps({ADDRESS_SETTINGS[role.role]: address(role) for role in made}, indent=2)


def reported(made: Sequence[Made]) -> str:
    """What was done to each role, and the addresses that nobody else knows."""
    lines = [f"{role.role}: {_done(role)}; its rights are those of this version." for role in made]
    fresh = [f"{ADDRESS_SETTINGS[role.role]}={address(role)}" for role in made if role.generated]
    if fresh:
        lines += [
            "",
            "Give each process its own as DATABASE_URL, or put the lines into .env; they are not shown again:",
        ]
    return "\n".join([*lines, *fresh])


def _done(made: Made) -> str:
    if made.created:
        return "made, with a fresh password" if made.generated else "made, with the given password"
    return "has the given password" if made.password else "kept its password"


def address(made: Made) -> str:
    return roles.address(settings.DATABASE_URL, made.role, made.password)
