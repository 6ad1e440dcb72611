from django.db import migrations, models

# Who writes to a month or makes or drops its partitions says so first, before it has any other lock: writers share the month.
# pg_temp comes last, or a caller's temporary table would stand for one of ours.
MONTHS = """
CREATE OR REPLACE FUNCTION nexus_lock_month(wanted date, alone boolean) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
    key bigint := hashtextextended(to_char(wanted, '"nexus_month_"YYYY_MM'), 0);
BEGIN
    IF alone THEN
        PERFORM pg_advisory_xact_lock(key);
    ELSE
        PERFORM pg_advisory_xact_lock_shared(key);
    END IF;
END
$$;

-- To wait for a lock of the above kind renews no cache of names, so to_regclass may not see what others made or dropped meanwhile.
CREATE OR REPLACE FUNCTION nexus_has_table(name text) RETURNS boolean LANGUAGE sql STABLE AS
$$ SELECT EXISTS (SELECT FROM pg_class WHERE relname = name::name AND relnamespace = 'public'::regnamespace) $$;

CREATE OR REPLACE FUNCTION nexus_attach_month(parent text, partition text, first_day date) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
    next_month date := (first_day + interval '1 month')::date;
    low text := first_day;
    high text := next_month;
BEGIN
    IF parent <> 'proxy_blob' THEN
        low := nexus_uuid_floor(first_day::timestamp AT TIME ZONE 'UTC');
        high := nexus_uuid_floor(next_month::timestamp AT TIME ZONE 'UTC');
    END IF;
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, partition, low, high);
END
$$;

CREATE OR REPLACE FUNCTION nexus_month_is_whole(first_day date) RETURNS boolean LANGUAGE sql STABLE AS
$$
    SELECT bool_and(nexus_has_table(parent || to_char(first_day, '_YYYY_MM')))
    FROM unnest(ARRAY['proxy_receipt', 'proxy_exchange', 'proxy_exchangebody', 'proxy_blob']) AS parent
$$;

-- Until the end of the transaction nobody makes or drops partitions of the month; whether they are all there.
CREATE OR REPLACE FUNCTION nexus_hold_month(first_day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS
$$
BEGIN
    PERFORM nexus_lock_month(first_day, alone => false);
    RETURN nexus_month_is_whole(first_day);
END
$$;

-- A table that is attached lets others read and write its parent meanwhile; CREATE TABLE ... PARTITION OF would not.
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
    FOREACH parent IN ARRAY ARRAY['proxy_receipt', 'proxy_exchange', 'proxy_exchangebody', 'proxy_blob'] LOOP
        CONTINUE WHEN nexus_has_table(parent || suffix);
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', parent || suffix, parent);
        PERFORM nexus_attach_month(parent, parent || suffix, first_day);
    END LOOP;
END
$$;
"""

# They name the month's own partitions and never their parents, so that no other month is read or locked.
PINNED = """
CREATE FUNCTION nexus_pinned(first_day date) RETURNS SETOF uuid LANGUAGE plpgsql STABLE AS
$$
DECLARE
    exchanges text := 'proxy_exchange' || to_char(first_day, '_YYYY_MM');
BEGIN
    RETURN QUERY SELECT exchange FROM proxy_pin
    WHERE exchange >= nexus_uuid_floor(first_day::timestamp AT TIME ZONE 'UTC')
        AND exchange < nexus_uuid_floor((first_day + interval '1 month') AT TIME ZONE 'UTC');
    IF nexus_has_table(exchanges) THEN
        RETURN QUERY EXECUTE format(
            'SELECT exchange.id FROM proxy_pin AS pin JOIN %I AS exchange USING (session_id, domain)'
            ' WHERE pin.session_id <> '''' AND exchange.session_id <> ''''', exchanges
        );
    END IF;
END
$$;

CREATE FUNCTION nexus_part_tables(part text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
    CASE part
        WHEN 'bodies' THEN RETURN ARRAY['proxy_exchangebody', 'proxy_blob'];
        WHEN 'metadata' THEN RETURN ARRAY['proxy_receipt', 'proxy_exchange'];
    END CASE;
END
$$;

-- Whether a partition of the part holds a row that is not pinned, or none at all. Blobs go with the rows that need them.
CREATE FUNCTION nexus_droppable(first_day date, part text) RETURNS boolean LANGUAGE plpgsql STABLE AS
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
            'SELECT NOT EXISTS (SELECT FROM %1$I)'
            ' OR EXISTS (SELECT FROM %1$I AS kept WHERE NOT EXISTS'
            ' (SELECT FROM nexus_pinned(%2$L) AS pinned (id) WHERE pinned.id = kept.id))', partition || suffix, first_day
        ) INTO answer;
        IF answer THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END
$$;
"""

# A kept request has its whole manifest, so that it needs no other row. 16 is manifests.DIGEST_SIZE.
KEEP = """
CREATE FUNCTION nexus_unchain(kept text, source text) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
    EXECUTE format(
        'WITH RECURSIVE needed AS ('
        ' SELECT id, parent, parent_first, parent_last, request_manifest FROM %1$I'
        ' UNION SELECT body.id, body.parent, body.parent_first, body.parent_last, body.request_manifest'
        ' FROM needed JOIN %2$I AS body ON body.id = needed.parent'
        '), whole (id, manifest) AS ('
        ' SELECT id, request_manifest FROM needed WHERE parent IS NULL'
        ' UNION ALL SELECT needed.id, substr(whole.manifest, 1, 16 * needed.parent_first) || needed.request_manifest'
        ' || substr(whole.manifest, length(whole.manifest) - 16 * needed.parent_last + 1)'
        ' FROM whole JOIN needed ON needed.parent = whole.id'
        ') UPDATE %1$I AS kept SET request_manifest = whole.manifest, parent = NULL, parent_first = 0, parent_last = 0'
        ' FROM whole WHERE whole.id = kept.id AND kept.parent IS NOT NULL', kept, source
    );
END
$$;

-- Copies the rows of the given ids, or the blobs that the kept bodies need, to a table beside; how many they are.
CREATE FUNCTION nexus_keep(parent text, first_day date, pinned uuid[]) RETURNS bigint LANGUAGE plpgsql AS
$$
DECLARE
    suffix text := to_char(first_day, '_YYYY_MM');
    source text := parent || suffix;
    kept text := source || '_kept';
    bodies text := 'proxy_exchangebody' || suffix || '_kept';
    rows bigint := 0;
BEGIN
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', kept, parent);
    IF parent <> 'proxy_blob' THEN
        EXECUTE format('INSERT INTO %I SELECT * FROM %I WHERE id = ANY ($1)', kept, source) USING pinned;
    ELSIF nexus_has_table(bodies) THEN
        EXECUTE format(
            'INSERT INTO %I SELECT * FROM %I WHERE digest IN ('
            ' SELECT substr(manifest, 16 * piece + 1, 16)'
            ' FROM %I, unnest(ARRAY[request_manifest, response_manifest]) AS manifest,'
            ' generate_series(0, length(manifest) / 16 - 1) AS piece)', kept, source, bodies
        );
    END IF;
    GET DIAGNOSTICS rows = ROW_COUNT;
    IF parent = 'proxy_exchangebody' THEN
        PERFORM nexus_unchain(kept, source);
    END IF;
    IF rows = 0 THEN
        EXECUTE format('DROP TABLE %I', kept);
    END IF;
    RETURN rows;
END
$$;
"""

# Parents are locked against everybody after all copying only, in the order in which ingest writes them. lock_timeout is below
# deadlock_timeout (1 s): whoever is in the way goes on, and the month is dropped another time.
DROP = """
CREATE FUNCTION nexus_drop_month(wanted date, part text) RETURNS bigint
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
        IF parent = 'proxy_blob' THEN
            PERFORM nexus_keep(parent, first_day, pinned);
        ELSE
            kept := nexus_keep(parent, first_day, pinned);
        END IF;
    END LOOP;
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
REVOKE EXECUTE ON FUNCTION nexus_drop_month(date, text) FROM PUBLIC;

CREATE FUNCTION nexus_replace_month(parents text[], first_day date) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
    parent text;
    partition text;
BEGIN
    FOREACH parent IN ARRAY parents LOOP
        partition := parent || to_char(first_day, '_YYYY_MM');
        EXECUTE format('DROP TABLE %I', partition);
        IF nexus_has_table(partition || '_kept') THEN
            EXECUTE format('ALTER TABLE %I RENAME TO %I', partition || '_kept', partition);
            PERFORM nexus_attach_month(parent, partition, first_day);
        END IF;
    END LOOP;
END
$$;

CREATE FUNCTION nexus_note_drop(first_day date, part text, kept bigint) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO proxy_droppedmonth (month) VALUES (first_day) ON CONFLICT DO NOTHING;
    EXECUTE format(
        'UPDATE proxy_droppedmonth SET %1$I = coalesce(%1$I, now()), %2$I = $1 WHERE month = $2',
        part || '_dropped_at', part || '_kept'
    ) USING kept, first_day;
END
$$;
"""
FORGET = """
DROP FUNCTION nexus_drop_month(date, text);
DROP FUNCTION nexus_note_drop(date, text, bigint);
DROP FUNCTION nexus_replace_month(text[], date);
DROP FUNCTION nexus_keep(text, date, uuid[]);
DROP FUNCTION nexus_unchain(text, text);
DROP FUNCTION nexus_droppable(date, text);
DROP FUNCTION nexus_part_tables(text);
DROP FUNCTION nexus_pinned(date);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("proxy", "0007_batches"),
    ]

    operations = [
        migrations.CreateModel(
            name="Pin",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("exchange", models.UUIDField(blank=True, null=True, unique=True)),
                ("session_id", models.CharField(blank=True, max_length=120)),
                ("domain", models.CharField(blank=True, max_length=260)),
                ("note", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("created_by", models.CharField(blank=True, editable=False, max_length=150)),
            ],
            options={
                "ordering": ("-created_at",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("session_id", ""), _negated=True),
                        fields=("session_id", "domain"),
                        name="pin_session_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("domain", ""), ("exchange__isnull", False), ("session_id", "")),
                            models.Q(
                                models.Q(("exchange__isnull", True)),
                                models.Q(("session_id", ""), _negated=True),
                                models.Q(("domain", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="pin_exchange_or_session",
                        violation_error_message="Name either an exchange, or a session and its domain.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DroppedMonth",
            fields=[
                ("month", models.DateField(primary_key=True, serialize=False)),
                ("bodies_dropped_at", models.DateTimeField(null=True)),
                ("metadata_dropped_at", models.DateTimeField(null=True)),
                ("bodies_kept", models.BigIntegerField(null=True)),
                ("metadata_kept", models.BigIntegerField(null=True)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        # The new nexus_ensure_month serves older code as well: it stays when this is undone.
        migrations.RunSQL(MONTHS, migrations.RunSQL.noop),
        migrations.RunSQL(PINNED + KEEP + DROP, FORGET),
    ]
