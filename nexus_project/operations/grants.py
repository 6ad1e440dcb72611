"""What each process may do in the database, as data: `manage.py create_db_roles` grants this and nothing else.

A line for each table and each function, with nothing in it for a role that needs nothing. A test fails while one of the
database's has no line here. Partitions have none: rights are asked of the table that a statement names. What a role may not do
by itself goes through a `SECURITY DEFINER` function. The owner, as whom migrations and `manage.py` run, needs no line.
"""

from collections.abc import Mapping
from dataclasses import dataclass

PROXY, WORKER, DASHBOARD = ROLES = ("nexus_proxy", "nexus_worker", "nexus_dashboard")

READ = "SELECT"
# ON CONFLICT and RETURNING read, and ON CONFLICT DO UPDATE writes: INSERT alone would not do.
STORE = "SELECT, INSERT, UPDATE"
MANAGE = "SELECT, INSERT, UPDATE, DELETE"


@dataclass(frozen=True, slots=True)
class Rights:
    """The privileges of each role on one table, as GRANT lists them; "" is none."""

    proxy: str = ""
    worker: str = ""
    dashboard: str = ""

    def of(self, role: str) -> str:
        """The privileges of one role."""
        return {PROXY: self.proxy, WORKER: self.worker, DASHBOARD: self.dashboard}[role]


# A refreshed pair of tokens and how the refresh went: what `Credential.save_tokens` and `save_failure` write.
_TOKENS = "access_token, refresh_token, expires_at, scopes"
_STATE = "state, last_error, last_refresh_at, refreshing_since, retry_at, refresh_failures, login_told_at"
_NO_SECRET = f"id, domain_id, name, kind, account_id, enabled, expires_at, {_STATE}"

TRAFFIC: Mapping[str, Rights] = {
    "proxy_exchange": Rights(worker=STORE, dashboard=READ),
    "proxy_exchangebody": Rights(worker=STORE, dashboard=READ),
    "proxy_blob": Rights(worker=STORE, dashboard=READ),
    "proxy_receipt": Rights(worker=STORE, dashboard=READ),
    "proxy_turn": Rights(worker=STORE, dashboard=READ),
    "proxy_offer": Rights(worker=STORE, dashboard=READ),
    "proxy_text": Rights(worker=STORE, dashboard=READ),
    "proxy_conversation": Rights(worker=STORE, dashboard=READ),
    "proxy_formerconversation": Rights(dashboard=READ),
    "proxy_conversationhour": Rights(worker=STORE, dashboard=READ),
    "proxy_rollup": Rights(worker=STORE, dashboard=READ),
    "proxy_dayrollup": Rights(dashboard=READ),
    "proxy_domaintotal": Rights(proxy=READ, worker=STORE, dashboard=READ),
    "proxy_spend": Rights(worker=STORE, dashboard=READ),
    "proxy_spool": Rights(worker=STORE, dashboard=READ),
    "proxy_setaside": Rights(worker=STORE, dashboard=READ),
    "proxy_messagebatch": Rights(worker=STORE, dashboard=READ),
    "proxy_monthkey": Rights(worker="SELECT, INSERT", dashboard=READ),
    "proxy_linkingkey": Rights(worker="SELECT, INSERT", dashboard=READ),
    "proxy_unpricedmodel": Rights(worker=STORE, dashboard=READ),
    "proxy_droppedmonth": Rights(worker=READ, dashboard=READ),
}
OTHERS: Mapping[str, Rights] = {
    # The smallest values of a day are folded into one.
    "proxy_breakdown": Rights(worker=MANAGE, dashboard=READ),
    "proxy_daybreakdown": Rights(worker=MANAGE, dashboard=READ),
    "proxy_toolhour": Rights(worker=MANAGE, dashboard=READ),
    "proxy_toolday": Rights(worker=MANAGE, dashboard=READ),
    # What was counted of conversations that are gone is forgotten.
    "proxy_countedtools": Rights(worker=MANAGE),
    "proxy_price": Rights(proxy=READ, worker=READ, dashboard=MANAGE),
    # What is found in conversations follows from the record, and is found anew when a late turn changes it.
    "proxy_cachebreak": Rights(worker=MANAGE, dashboard=READ),
    "proxy_finding": Rights(worker=MANAGE, dashboard=READ),
    "proxy_pendingconversation": Rights(worker=MANAGE),
    "proxy_repricing": Rights(dashboard=READ),
    "proxy_windowsample": Rights(worker=STORE, dashboard=READ),
    "proxy_resultsreader": Rights(worker=MANAGE),
    "proxy_pin": Rights(dashboard=MANAGE),
    "accounts_domain": Rights(proxy=READ, worker=READ, dashboard=MANAGE),
    "accounts_credential": Rights(
        proxy=f"SELECT, UPDATE ({_TOKENS}, {_STATE})",
        worker=f"SELECT ({_NO_SECRET}), UPDATE ({_STATE})",
        dashboard=MANAGE,
    ),
    "accounts_clientkey": Rights(
        proxy=READ,
        worker="SELECT (id, name, domain_id, last_used_at), UPDATE (last_used_at)",
        dashboard=MANAGE,
    ),
    "accounts_invitation": Rights(dashboard=STORE),
    "accounts_limit": Rights(proxy=READ, worker=READ, dashboard=MANAGE),
    "accounts_welcomedismissal": Rights(dashboard="SELECT, INSERT"),
    "accounts_accessversion": Rights(proxy=READ),
    # Nobody deletes one: the record and the audit name it.
    "accounts_stop": Rights(proxy=READ, dashboard="SELECT, INSERT, UPDATE (lifted_at, lifted_by)"),
    "auth_group": Rights(dashboard=MANAGE),
    "auth_group_permissions": Rights(dashboard=MANAGE),
    "auth_permission": Rights(dashboard=MANAGE),
    "auth_user": Rights(dashboard=MANAGE),
    "auth_user_groups": Rights(dashboard=MANAGE),
    "auth_user_user_permissions": Rights(dashboard=MANAGE),
    # Of allauth's tables only the one that joins an identity to a user is used; a user that is deleted is looked for in all.
    "socialaccount_socialaccount": Rights(dashboard=MANAGE),
    "socialaccount_socialtoken": Rights(dashboard="SELECT, DELETE"),
    "socialaccount_socialapp": Rights(),
    "account_emailaddress": Rights(dashboard="SELECT, DELETE"),
    "account_emailconfirmation": Rights(dashboard="SELECT, DELETE"),
    "dashboard_savedview": Rights(dashboard=MANAGE),
    "dashboard_apitoken": Rights(dashboard=MANAGE),
    "dashboard_bodyreading": Rights(
        dashboard="SELECT, INSERT, DELETE"
    ),  # whoever reads something cannot change that they did
    "dashboard_groupdomains": Rights(dashboard=MANAGE),
    "django_admin_log": Rights(dashboard=MANAGE),
    "dashboard_auditentry": Rights(dashboard=STORE),  # whoever changes something cannot take that out of it
    "django_content_type": Rights(dashboard=MANAGE),
    "django_session": Rights(dashboard=MANAGE),
    "django_migrations": Rights(dashboard=READ),  # /health/ready asks whether all are in
}
TABLES: Mapping[str, Rights] = {**TRAFFIC, **OTHERS}

# Who may call it. What only triggers or the owner's functions call is called by nobody.
FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "nexus_ensure_month(date)": (WORKER,),
    "nexus_hold_month(date)": (WORKER,),
    "nexus_drop_month(date, text)": (WORKER,),
    "nexus_days_after_insert()": (),
    "nexus_days_after_update()": (),
    "nexus_days_after_delete()": (),
    "nexus_lock_month(date, boolean)": (),
    "nexus_has_table(text)": (),
    "nexus_attach_month(text, text, date)": (),
    "nexus_month_is_whole(date)": (),
    "nexus_pinned(date)": (),
    "nexus_part_tables(text)": (),
    "nexus_droppable(date, text)": (),
    "nexus_unchain(text, text)": (),
    "nexus_keep(text, date, uuid[])": (),
    "nexus_replace_month(text[], date)": (),
    "nexus_note_drop(date, text, bigint)": (),
    "nexus_count_conversations(uuid[], uuid, uuid, uuid[])": (),
    "nexus_hour_id(uuid, uuid, text)": (),
    "nexus_add_hours(text, uuid[], uuid, uuid, uuid[])": (),
    "nexus_count_hours(uuid[], uuid, uuid)": (),
    "nexus_move_turns(uuid[], uuid[])": (WORKER,),
    "nexus_forget_turns(date, uuid[])": (),
    "nexus_forget_titles(date, uuid[])": (),
    "nexus_uuid_floor(timestamp with time zone)": (),
    "nexus_month_floor(uuid, integer)": (),
    "nexus_month_ceiling(uuid)": (),
    "nexus_access_changed()": (),
}
