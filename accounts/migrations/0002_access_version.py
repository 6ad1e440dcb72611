from django.db import migrations

# Triggers see every writer: the admin, a command, a person in psql. Bookkeeping columns that no decision reads do not count.
# They run at the end of a transaction (deferred), so that the version's row is the last one that any transaction locks: two
# writers can then wait for each other and never block each other for good, and a refreshed token is not rolled back.
# The version is the transaction's number: writing many rows in one transaction changes it once.
FORWARD = """
CREATE FUNCTION nexus_access_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO accounts_accessversion AS current (id, version) VALUES (1, pg_current_xact_id()::text::bigint)
        ON CONFLICT (id) DO UPDATE SET version = EXCLUDED.version WHERE current.version <> EXCLUDED.version;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER nexus_access_changed
    AFTER INSERT OR DELETE OR UPDATE OF name ON accounts_domain
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION nexus_access_changed();
CREATE CONSTRAINT TRIGGER nexus_access_changed
    AFTER INSERT OR DELETE OR UPDATE OF domain_id, name, account_id, kind, enabled, api_key, access_token, refresh_token,
        expires_at, state ON accounts_credential
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION nexus_access_changed();
CREATE CONSTRAINT TRIGGER nexus_access_changed
    AFTER INSERT OR DELETE OR UPDATE OF domain_id, digest, expires_at, revoked_at ON accounts_clientkey
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION nexus_access_changed();

CREATE TRIGGER nexus_access_emptied AFTER TRUNCATE ON accounts_domain
    FOR EACH STATEMENT EXECUTE FUNCTION nexus_access_changed();
CREATE TRIGGER nexus_access_emptied AFTER TRUNCATE ON accounts_credential
    FOR EACH STATEMENT EXECUTE FUNCTION nexus_access_changed();
CREATE TRIGGER nexus_access_emptied AFTER TRUNCATE ON accounts_clientkey
    FOR EACH STATEMENT EXECUTE FUNCTION nexus_access_changed();
"""
BACKWARD = "DROP FUNCTION nexus_access_changed() CASCADE;"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
