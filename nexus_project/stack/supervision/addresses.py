"""Which role each service signs in to PostgreSQL as: the owner's address is for migrations and `manage.py`.

A service knows nothing of this: it reads DATABASE_URL, and whoever starts it chooses whose address that is.
"""

from dataclasses import replace

import psycopg

from nexus_project import env
from nexus_project.operations import roles
from nexus_project.operations.roles import RolesError
from nexus_project.stack.errors import StackError
from nexus_project.stack.supervision.commands import Service

POSTGRES = ("postgres", "postgresql")
NAMES = tuple(roles.ADDRESS_SETTINGS.values())


def chosen() -> dict[str, str]:
    """The address of each service by its name, "" where none is set: then it uses DATABASE_URL like everybody."""
    worker = env.url("WORKER_DATABASE_URL", schemes=POSTGRES)
    return {
        "proxy": env.url("PROXY_DATABASE_URL", schemes=POSTGRES),
        "worker": worker,
        "beat": worker,
        "dashboard": env.url("DASHBOARD_DATABASE_URL", schemes=POSTGRES),
    }


def require_owner() -> None:
    """Raise SettingError for roles' addresses without the owner's, whom migrations and rights need."""
    if any(chosen().values()) and not env.secret("DATABASE_URL"):
        raise env.SettingError(
            f"DATABASE_URL is not set, but {' or '.join(NAMES)} is: set it to the address of the tables' owner, "
            "or none of them for the embedded server."
        )


def given(service: Service) -> Service:
    """The service with its own address for DATABASE_URL and without the others'; unchanged where it has none."""
    own = chosen().get(service.name)
    if not own:
        return service
    nobody = {name: "" for setting in (*NAMES, "DATABASE_URL") for name in (setting, f"{setting}_FILE")}
    return replace(service, environment={**service.environment, **nobody, "DATABASE_URL": own})


def grant() -> None:
    """After a migration, give the roles their rights on what is new; nothing where no service has its own."""
    if not any(chosen().values()):
        return
    try:
        with psycopg.connect(env.secret("DATABASE_URL"), connect_timeout=5) as connection:
            roles.grant(connection)
    except RolesError as error:
        raise StackError(str(error)) from error
    except psycopg.Error as error:
        raise StackError(
            f"The services' roles could not be given their rights ({type(error).__name__}: {error.diag.message_primary}); "
            "run `manage.py create_db_roles` as the owner of the tables."
        ) from error
