from importlib import import_module

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.db import migrations, models

import proxy.store.models.money

# In the order in which ingest writes them: a new partition locks its parent.
BEFORE = ("proxy_receipt", "proxy_exchange", "proxy_exchangebody", "proxy_blob")
MONTHLY = (
    "proxy_receipt",
    "proxy_exchange",
    "proxy_turn",
    "proxy_offer",
    "proxy_exchangebody",
    "proxy_text",
    "proxy_blob",
    "proxy_cachebreak",
    "proxy_finding",
)
ADDED = [table for table in MONTHLY if table not in BEFORE]
BODIES = ("proxy_exchangebody", "proxy_text", "proxy_blob")
METADATA = (
    "proxy_receipt",
    "proxy_exchange",
    "proxy_turn",
    "proxy_offer",
    "proxy_cachebreak",
    "proxy_finding",
)

# As in 0001: Django knows no partitioned tables. Months that are there already get theirs from the next batch.
PARTITION = """
ALTER TABLE {table} RENAME TO {table}_plain;
CREATE TABLE {table} (LIKE {table}_plain INCLUDING ALL) PARTITION BY RANGE (id);
DROP TABLE {table}_plain;
"""


def months(tables: tuple[str, ...], bodies: tuple[str, ...], metadata: tuple[str, ...]) -> str:
    """The functions that know which tables there are by month; else they are those of 0008."""
    listed, of_bodies, of_metadata = (
        "ARRAY[" + ", ".join(f"'{table}'" for table in names) + "]" for names in (tables, bodies, metadata)
    )
    return f"""
CREATE OR REPLACE FUNCTION nexus_month_is_whole(first_day date) RETURNS boolean LANGUAGE sql STABLE AS
$$
    SELECT bool_and(nexus_has_table(parent || to_char(first_day, '_YYYY_MM'))) FROM unnest({listed}) AS parent
$$;

CREATE OR REPLACE FUNCTION nexus_ensure_month(wanted date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS
$$
DECLARE
    first_day date := date_trunc('month', wanted)::date;
    suffix text := to_char(first_day, '_YYYY_MM');
    parent text;
BEGIN
    IF nexus_month_is_whole(first_day) THEN
        RETURN;
    END IF;
    PERFORM nexus_lock_month(first_day, alone => true);
    FOREACH parent IN ARRAY {listed} LOOP
        CONTINUE WHEN nexus_has_table(parent || suffix);
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', parent || suffix, parent);
        PERFORM nexus_attach_month(parent, parent || suffix, first_day);
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION nexus_part_tables(part text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
    CASE part
        WHEN 'bodies' THEN RETURN {of_bodies};
        WHEN 'metadata' THEN RETURN {of_metadata};
    END CASE;
END
$$;
"""


# As in 0008, but an empty table beside the others is no reason to drop them again.
DROPPABLE = """
CREATE OR REPLACE FUNCTION nexus_droppable(first_day date, part text) RETURNS boolean LANGUAGE plpgsql STABLE AS
$$
DECLARE
    suffix text := to_char(first_day, '_YYYY_MM');
    partition text;
    answer boolean;
BEGIN
    FOREACH partition IN ARRAY nexus_part_tables(part) LOOP
        CONTINUE WHEN NOT nexus_has_table(partition || suffix);
        IF partition = 'proxy_blob' THEN
            RETURN NOT nexus_has_table('proxy_exchangebody' || suffix);
        END IF;
        EXECUTE format(
            'SELECT ($1 AND NOT EXISTS (SELECT FROM %1$I))'
            ' OR EXISTS (SELECT FROM %1$I AS kept WHERE NOT EXISTS'
            ' (SELECT FROM nexus_pinned(%2$L) AS pinned (id) WHERE pinned.id = kept.id))', partition || suffix, first_day
        ) INTO answer USING partition IN ('proxy_receipt', 'proxy_exchange', 'proxy_exchangebody');
        IF answer THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END
$$;
"""

# The first id of the month of an id, and of the next month where it is not the first one itself. PostgreSQL takes a part of a month for
# a single row, whatever there is in it, and would read that part once for each row that it is joined to: months it estimates well.
MONTHS_OF_IDS = """
CREATE FUNCTION nexus_month_floor(id uuid, later int DEFAULT 0) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT AS
$$
    SELECT nexus_uuid_floor((date_trunc('month', to_timestamp(
        ('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint / 1000
    ) AT TIME ZONE 'UTC') + make_interval(months => later)) AT TIME ZONE 'UTC')
$$;

CREATE FUNCTION nexus_month_ceiling(id uuid) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT CASE WHEN nexus_month_floor(id) = id THEN id ELSE nexus_month_floor(id, 1) END $$;
"""
# Whoever adds to a conversation holds its row until the commit: what is read here after the rows are locked is all that they count.
COUNT = """
CREATE FUNCTION nexus_count_conversations(wanted uuid[], low uuid, high uuid, kept uuid[]) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
    lowest uuid;
    highest uuid;
BEGIN
    PERFORM FROM proxy_conversation WHERE id = ANY (wanted) ORDER BY id FOR UPDATE;
    -- Read by their ids and then put in order: by the index of their order all older conversations would be looked through.
    WITH held AS MATERIALIZED (SELECT first_id, last_id FROM proxy_conversation WHERE id = ANY (wanted))
    SELECT (SELECT first_id FROM held ORDER BY first_id LIMIT 1), (SELECT last_id FROM held ORDER BY last_id DESC LIMIT 1)
    INTO lowest, highest;
    -- Its bounds are constants, so that no month beside theirs is read or locked.
    EXECUTE format($count$
    WITH counted AS (
        SELECT turn.conversation, min(exchange.domain) AS domain, max(exchange.session_id) AS session_id,
            (array_agg(exchange.id ORDER BY exchange.id))[1] AS first_id,
            (array_agg(exchange.id ORDER BY exchange.id DESC))[1] AS last_id,
            (array_agg(exchange.id ORDER BY exchange.id) FILTER (WHERE turn.gives_title))[1] AS title_id,
            min(exchange.started_at) AS first_at, max(exchange.started_at) AS last_at, count(*) AS turns,
            count(*) FILTER (WHERE exchange.outcome NOT IN ('complete', 'client_left')) AS failed,
            sum(coalesce(exchange.input_tokens, 0)) AS input_tokens, sum(coalesce(exchange.output_tokens, 0)) AS output_tokens,
            sum(coalesce(exchange.cache_read_tokens, 0)) AS cache_read_tokens,
            sum(coalesce(exchange.cache_write_tokens, 0)) AS cache_write_tokens,
            sum(coalesce(exchange.cost_usd, 0)) AS cost_usd,
            count(*) FILTER (WHERE exchange.cost_state = 'unpriced') AS unpriced,
            count(*) FILTER (WHERE exchange.cost_state = 'partial') AS partial,
            count(*) FILTER (WHERE exchange.cost_state = 'notional') AS notional,
            (array_agg(exchange.user_id ORDER BY exchange.id))[1] AS person,
            (array_agg(exchange.client_key ORDER BY exchange.id))[1] AS client_key,
            coalesce(array_agg(DISTINCT exchange.model COLLATE "C") FILTER (WHERE exchange.model <> ''), '{}') AS model_names,
            coalesce(array_agg(DISTINCT exchange.agent_id COLLATE "C") FILTER (WHERE exchange.agent_id <> ''), '{}') AS agents,
            (array_agg(exchange.model ORDER BY exchange.id DESC))[1] AS last_model,
            (array_agg(coalesce(exchange.input_tokens, 0) + coalesce(exchange.cache_read_tokens, 0)
                + coalesce(exchange.cache_write_tokens, 0) ORDER BY exchange.id DESC))[1] AS last_context
        FROM proxy_turn AS turn JOIN proxy_exchange AS exchange USING (id)
        WHERE turn.conversation = ANY ($1) AND (turn.id < $2 OR turn.id >= $3 OR turn.id = ANY ($4))
            AND turn.id BETWEEN %1$L AND %2$L AND exchange.id >= %3$L AND exchange.id < %4$L
        GROUP BY turn.conversation
    ), changed AS (
        UPDATE proxy_conversation AS row SET domain = counted.domain, session_id = counted.session_id,
            title = CASE WHEN row.title_id = counted.title_id THEN row.title ELSE '' END, title_id = counted.title_id,
            first_id = counted.first_id, last_id = counted.last_id, first_at = counted.first_at, last_at = counted.last_at,
            turns = counted.turns, failed = counted.failed, input_tokens = counted.input_tokens,
            output_tokens = counted.output_tokens, cache_read_tokens = counted.cache_read_tokens,
            cache_write_tokens = counted.cache_write_tokens, cost_usd = counted.cost_usd, unpriced = counted.unpriced,
            partial = counted.partial, notional = counted.notional, person = counted.person, client_key = counted.client_key,
            model_names = counted.model_names[1:50], more_models = cardinality(counted.model_names) > 50,
            agents = counted.agents[1:500], more_agents = cardinality(counted.agents) > 500,
            last_model = counted.last_model, last_context = counted.last_context
        FROM counted WHERE row.id = counted.conversation
    )
    DELETE FROM proxy_conversation AS row
    WHERE row.id = ANY ($1) AND NOT EXISTS (SELECT FROM counted WHERE counted.conversation = row.id)
    $count$, lowest, highest, nexus_month_floor(lowest), nexus_month_ceiling(highest)) USING wanted, low, high, kept;
END
$$;

-- Only the owner may take the row of a conversation away, which loses its last turn here.
CREATE FUNCTION nexus_move_turns(ids uuid[], targets uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS
$$
DECLARE
    affected uuid[] := ARRAY(SELECT conversation FROM proxy_turn WHERE id = ANY (ids) UNION SELECT unnest(targets));
BEGIN
    -- All at once and in order, as whoever adds to several does; a target may have gone with its month meanwhile.
    PERFORM FROM proxy_conversation WHERE id = ANY (affected) ORDER BY id FOR UPDATE;
    UPDATE proxy_turn AS row SET conversation = target.id
    FROM unnest(ids, targets) AS moved (id, target) JOIN proxy_conversation AS target ON target.id = moved.target
    WHERE row.id = moved.id AND row.previous_id IS NOT NULL AND row.domain = target.domain;
    UPDATE proxy_text AS row SET conversation = turn.conversation FROM proxy_turn AS turn
    WHERE turn.id = ANY (ids) AND row.id = turn.id;
    PERFORM nexus_count_conversations(
        affected, '00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000', '{}'
    );
END
$$;

CREATE FUNCTION nexus_forget_turns(first_day date, pinned uuid[]) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
    low uuid := nexus_uuid_floor(first_day::timestamp AT TIME ZONE 'UTC');
    high uuid := nexus_uuid_floor((first_day + interval '1 month') AT TIME ZONE 'UTC');
    turns text := 'proxy_turn' || to_char(first_day, '_YYYY_MM');
    remaining uuid[] := '{}';
BEGIN
    IF nexus_has_table(turns) THEN
        EXECUTE format('SELECT ARRAY(SELECT DISTINCT conversation FROM %I WHERE id = ANY ($1))', turns) INTO remaining USING pinned;
    END IF;
    DELETE FROM proxy_conversation WHERE first_id >= low AND last_id < high AND id <> ALL (remaining);
    remaining := ARRAY(SELECT id FROM proxy_conversation WHERE first_id < high AND last_id >= low);
    -- Else no other month is read.
    IF cardinality(remaining) > 0 THEN
        PERFORM nexus_count_conversations(remaining, low, high, pinned);
    END IF;
END
$$;

CREATE FUNCTION nexus_forget_titles(first_day date, pinned uuid[]) RETURNS void LANGUAGE sql AS
$$
    UPDATE proxy_conversation SET title = '' WHERE title <> '' AND title_id <> ALL (pinned)
        AND title_id >= nexus_uuid_floor(first_day::timestamp AT TIME ZONE 'UTC')
        AND title_id < nexus_uuid_floor((first_day + interval '1 month') AT TIME ZONE 'UTC')
$$;
"""
FORGET = """
DROP FUNCTION nexus_forget_titles(date, uuid[]);
DROP FUNCTION nexus_forget_turns(date, uuid[]);
DROP FUNCTION nexus_move_turns(uuid[], uuid[]);
DROP FUNCTION nexus_count_conversations(uuid[], uuid, uuid, uuid[]);
DROP FUNCTION nexus_month_ceiling(uuid);
DROP FUNCTION nexus_month_floor(uuid, int);
"""

# As in 0008, and conversations follow before the parents are locked against everybody: they are not read then for long.
DROP = """
CREATE OR REPLACE FUNCTION nexus_drop_month(wanted date, part text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '500ms' AS
$$
DECLARE
    first_day date := date_trunc('month', wanted)::date;
    suffix text := to_char(first_day, '_YYYY_MM');
    parents text[];
    parent text;
    pinned uuid[];
    kept bigint := 0;
BEGIN
    IF (first_day + interval '1 month') AT TIME ZONE 'UTC' > now() THEN
        RAISE EXCEPTION 'the month % is not over yet: it cannot be dropped', to_char(first_day, 'YYYY-MM');
    END IF;
    PERFORM nexus_lock_month(first_day, alone => true);
    IF NOT nexus_droppable(first_day, part) THEN
        RETURN NULL;
    END IF;
    parents := ARRAY(SELECT name FROM unnest(nexus_part_tables(part)) AS name WHERE nexus_has_table(name || suffix));
    -- Against writers that do not lock the month.
    FOREACH parent IN ARRAY parents LOOP
        EXECUTE format('LOCK TABLE %I IN SHARE ROW EXCLUSIVE MODE', parent || suffix);
    END LOOP;
    pinned := ARRAY(SELECT DISTINCT nexus_pinned(first_day));
    FOREACH parent IN ARRAY parents LOOP
        EXIT WHEN cardinality(pinned) = 0;
        IF parent IN ('proxy_exchange', 'proxy_exchangebody') THEN
            kept := nexus_keep(parent, first_day, pinned);
        ELSE
            PERFORM nexus_keep(parent, first_day, pinned);
        END IF;
    END LOOP;
    IF part = 'metadata' THEN
        PERFORM nexus_forget_turns(first_day, pinned);
    ELSE
        PERFORM nexus_forget_titles(first_day, pinned);
    END IF;
    FOREACH parent IN ARRAY parents LOOP
        EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', parent);
    END LOOP;
    LOCK TABLE proxy_pin IN SHARE MODE;
    IF EXISTS (SELECT nexus_pinned(first_day) EXCEPT SELECT unnest(pinned)) THEN
        RAISE EXCEPTION 'a pin came meanwhile' USING ERRCODE = 'lock_not_available';
    END IF;
    PERFORM nexus_replace_month(parents, first_day);
    PERFORM nexus_note_drop(first_day, part, kept);
    RETURN kept;
END
$$;
"""
_0008 = import_module("proxy.store.migrations.0008_retention")
DROP_BEFORE, DROPPABLE_BEFORE = (
    functions.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    for functions in (_0008.DROP, _0008.PINNED)
)


class Migration(migrations.Migration):
    dependencies = [
        ("proxy", "0021_dead_letters"),
    ]

    operations = [
        migrations.CreateModel(
            name="Turn",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("conversation", models.UUIDField()),
                ("domain", models.CharField(max_length=260)),
                ("depth", models.IntegerField()),
                ("tools", models.IntegerField()),
                ("own", models.BinaryField()),
                ("prev", models.BinaryField(null=True)),
                ("takes", models.BinaryField(null=True)),
                ("gives", models.BinaryField(null=True)),
                ("first", models.BinaryField()),
                ("claim", models.BinaryField(null=True)),
                ("answer_id", models.BinaryField(null=True)),
                ("previous_id", models.BinaryField(null=True)),
                ("request_class", models.CharField(max_length=24)),
                ("compaction", models.CharField(max_length=24)),
                ("agent_type", models.CharField(max_length=60)),
                ("new_words", models.BooleanField()),
                ("gives_title", models.BooleanField()),
                ("tool_digests", models.BinaryField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Offer",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "id", "place", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("id", models.UUIDField()),
                ("place", models.SmallIntegerField()),
                ("kind", models.CharField(max_length=8)),
                ("key", models.BinaryField()),
                ("tool_id", models.CharField(max_length=200)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="SearchText",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("domain", models.CharField(max_length=260)),
                ("conversation", models.UUIDField()),
                (
                    "terms",
                    django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None),
                ),
                ("text", models.BinaryField()),
            ],
            options={
                "db_table": "proxy_text",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="CacheBreak",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("conversation", models.UUIDField()),
                ("domain", models.CharField(max_length=260)),
                ("parent", models.UUIDField()),
                ("lost_tokens", models.BigIntegerField()),
                (
                    "avoidable_usd",
                    proxy.store.models.money.UsdField(decimal_places=12, max_digits=36, null=True),
                ),
                ("cause", models.CharField(max_length=32)),
                ("at", models.CharField(max_length=200)),
                ("by_api", models.BooleanField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Finding",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "id", "place", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("id", models.UUIDField()),
                ("place", models.SmallIntegerField()),
                ("kind", models.CharField(max_length=32)),
                ("conversation", models.UUIDField()),
                ("domain", models.CharField(max_length=260)),
                (
                    "turns",
                    django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None),
                ),
                ("sentence", models.CharField(max_length=500)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Conversation",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("domain", models.CharField(max_length=260)),
                ("session_id", models.CharField(max_length=120)),
                ("first_id", models.UUIDField()),
                ("last_id", models.UUIDField()),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("turns", models.BigIntegerField()),
                ("failed", models.BigIntegerField()),
                ("input_tokens", models.BigIntegerField()),
                ("output_tokens", models.BigIntegerField()),
                ("cache_read_tokens", models.BigIntegerField()),
                ("cache_write_tokens", models.BigIntegerField()),
                ("cost_usd", proxy.store.models.money.UsdField(decimal_places=12, max_digits=36)),
                ("unpriced", models.BigIntegerField()),
                ("partial", models.BigIntegerField()),
                ("notional", models.BigIntegerField()),
                ("title_id", models.UUIDField(null=True)),
                ("title", models.BinaryField()),
                ("person", models.CharField(max_length=255)),
                ("client_key", models.CharField(max_length=255)),
                (
                    "model_names",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=120), size=None
                    ),
                ),
                ("more_models", models.BooleanField()),
                (
                    "agents",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=120), size=None
                    ),
                ),
                ("more_agents", models.BooleanField()),
                ("last_model", models.CharField(max_length=120)),
                ("last_context", models.BigIntegerField()),
            ],
            options={
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["session_id"], name="conversation_session"),
                    models.Index(fields=["first_id"], name="conversation_first"),
                    models.Index(fields=["-last_at", "-id"], name="conversation_last"),
                    models.Index(fields=["domain", "-last_at", "-id"], name="conversation_domain_last"),
                    models.Index(fields=["-cost_usd", "-id"], name="conversation_cost"),
                    models.Index(fields=["domain", "-cost_usd", "-id"], name="conversation_domain_cost"),
                    models.Index(fields=["-turns", "-id"], name="conversation_turns"),
                    models.Index(fields=["domain", "-turns", "-id"], name="conversation_domain_turns"),
                    models.Index(fields=["-failed", "-id"], name="conversation_failed"),
                    models.Index(fields=["domain", "-failed", "-id"], name="conversation_domain_failed"),
                ],
            },
        ),
        migrations.CreateModel(
            name="FormerConversation",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "former",
                        "conversation",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("former", models.UUIDField()),
                ("conversation", models.UUIDField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="PendingConversation",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("changed_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["changed_at"], name="pending_conversation_changed")],
            },
        ),
        migrations.CreateModel(
            name="LinkingKey",
            fields=[
                ("month", models.DateField(primary_key=True, serialize=False)),
                ("wrapped", models.BinaryField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        *(migrations.RunSQL(PARTITION.format(table=table), migrations.RunSQL.noop) for table in ADDED),
        migrations.AddIndex(
            "cachebreak", models.Index(fields=["conversation", "id"], name="cachebreak_conversation")
        ),
        migrations.AddIndex("cachebreak", models.Index(fields=["domain", "id"], name="cachebreak_domain")),
        migrations.AddIndex(
            "finding", models.Index(fields=["conversation", "id"], name="finding_conversation")
        ),
        migrations.AddIndex("finding", models.Index(fields=["domain", "id"], name="finding_domain")),
        migrations.AddIndex("offer", models.Index(fields=["key", "id"], name="offer_key")),
        migrations.AddIndex(
            "searchtext",
            django.contrib.postgres.indexes.GinIndex(
                fields=["terms"], gin_pending_list_limit=512, name="text_terms"
            ),
        ),
        migrations.AddIndex("searchtext", models.Index(fields=["domain", "id"], name="text_domain")),
        migrations.AddIndex("turn", models.Index(fields=["conversation", "id"], name="turn_conversation")),
        migrations.AddIndex("turn", models.Index(fields=["gives"], name="turn_gives")),
        *(
            migrations.AddIndex(
                "turn",
                models.Index(fields=[column], condition=models.Q((f"{column}__isnull", False)), name=name),
            )
            for column, name in (("answer_id", "turn_answer"), ("previous_id", "turn_previous"))
        ),
        migrations.RunSQL(
            months(MONTHLY, BODIES, METADATA) + DROPPABLE,
            DROPPABLE_BEFORE + months(BEFORE, BEFORE[2:], BEFORE[:2]),
        ),
        migrations.RunSQL(MONTHS_OF_IDS + COUNT + DROP, DROP_BEFORE + FORGET),
    ]
