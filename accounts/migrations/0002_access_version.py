from django.db import migrations

# A trigger sees every writer: the admin, a command, a person in psql. Bookkeeping columns that no decision reads do not count.
FORWARD = """
INSERT INTO accounts_accessversion (version) VALUES (1);

CREATE FUNCTION nexus_access_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS
$$ BEGIN UPDATE accounts_accessversion SET version = version + 1; RETURN NULL; END $$;

CREATE TRIGGER nexus_access_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON accounts_domain
    FOR EACH STATEMENT EXECUTE FUNCTION nexus_access_changed();
CREATE TRIGGER nexus_access_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON accounts_credential
    FOR EACH STATEMENT EXECUTE FUNCTION nexus_access_changed();
CREATE TRIGGER nexus_access_changed AFTER INSERT OR DELETE OR TRUNCATE
    OR UPDATE OF domain_id, name, digest, expires_at, revoked_at ON accounts_clientkey
    FOR EACH STATEMENT EXECUTE FUNCTION nexus_access_changed();
"""
BACKWARD = "DROP FUNCTION nexus_access_changed() CASCADE;"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
