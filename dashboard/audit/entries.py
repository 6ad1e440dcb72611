"""Entries are written here alone: one for each row that a request or a command touched."""

from django.contrib.admin.models import ADDITION, DELETION, LogEntry
from django.db import models

from dashboard.audit.actor import ADMIN, Actor
from dashboard.audit.values import Change, merged
from dashboard.models import AuditEntry

Action = AuditEntry.Action
_ACTIONS = {ADDITION: Action.ADDED, DELETION: Action.DELETED}
_LONGEST_NAME = 300


def kind_of(model: type[models.Model]) -> str:
    """How entries name a table, such as accounts.credential."""
    return model._meta.label_lower


def keep(actor: Actor, row: models.Model, action: str, changes: list[Change]) -> None:
    """That somebody changed a row; what is known of it in this request already becomes one entry with it."""
    key = (kind_of(type(row)), str(row.pk))
    entry = actor.kept.get(key)
    if entry is None:
        entry = AuditEntry(who=actor.who, via=actor.via, action=action, kind=key[0], object_id=key[1])
    elif action == Action.DELETED:
        entry.action = action
    entry.object_name = str(row)[:_LONGEST_NAME]
    entry.changes = merged(entry.changes, changes)
    entry.save()
    actor.kept[key] = entry


def keep_message(actor: Actor | None, log: LogEntry) -> None:
    """What the admin says of a change, beside its values; an action that changed no value has an entry of its own."""
    kind = kind_of(log.content_type.model_class() or LogEntry) if log.content_type else ""
    key = (kind, str(log.object_id or ""))  # a number before it was saved
    entry = actor.kept.get(key) if actor else None
    message = log.get_change_message()
    if entry is None:
        action = _ACTIONS.get(log.action_flag, Action.CHANGED)
        who = actor.who if actor else log.user.get_username()
        entry = AuditEntry(who=who, via=actor.via if actor else ADMIN, action=action, kind=kind)
        entry.at, entry.object_id = log.action_time, key[1]
        entry.object_name = log.object_repr[:_LONGEST_NAME]
    entry.message = f"{entry.message} {message}".strip()
    entry.save()
    if actor:
        actor.kept[key] = entry
