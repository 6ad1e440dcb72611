from django.db import migrations, models

# Until now every body was one piece, so that its piece's digest is its own.
MANIFESTS = """
UPDATE proxy_blob SET digest = substr(digest, 1, 16);
ALTER TABLE proxy_exchangebody
    ADD COLUMN request_digest bytea, ADD COLUMN response_digest bytea,
    ADD COLUMN request_manifest bytea, ADD COLUMN response_manifest bytea,
    ADD COLUMN parent uuid,
    ADD COLUMN parent_first integer NOT NULL DEFAULT 0, ADD COLUMN parent_last integer NOT NULL DEFAULT 0;
UPDATE proxy_exchangebody SET
    request_digest = coalesce(request_pieces[1], sha256('')), response_digest = coalesce(response_pieces[1], sha256('')),
    request_manifest = coalesce(substr(request_pieces[1], 1, 16), ''),
    response_manifest = coalesce(substr(response_pieces[1], 1, 16), '');
ALTER TABLE proxy_exchangebody
    ALTER COLUMN request_digest SET NOT NULL, ALTER COLUMN response_digest SET NOT NULL,
    ALTER COLUMN request_manifest SET NOT NULL, ALTER COLUMN response_manifest SET NOT NULL,
    ALTER COLUMN parent_first DROP DEFAULT, ALTER COLUMN parent_last DROP DEFAULT,
    DROP COLUMN request_pieces, DROP COLUMN response_pieces;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("proxy", "0003_set_aside"),
    ]

    operations = [
        migrations.RunSQL(
            MANIFESTS,
            state_operations=[
                migrations.RemoveField(model_name="exchangebody", name="request_pieces"),
                migrations.RemoveField(model_name="exchangebody", name="response_pieces"),
                migrations.AddField("exchangebody", "request_digest", models.BinaryField()),
                migrations.AddField("exchangebody", "response_digest", models.BinaryField()),
                migrations.AddField("exchangebody", "request_manifest", models.BinaryField()),
                migrations.AddField("exchangebody", "response_manifest", models.BinaryField()),
                migrations.AddField("exchangebody", "parent", models.UUIDField(null=True)),
                migrations.AddField("exchangebody", "parent_first", models.IntegerField(default=0)),
                migrations.AddField("exchangebody", "parent_last", models.IntegerField(default=0)),
            ],
        ),
        migrations.AddField("domaintotal", "kept_bytes", models.BigIntegerField(default=0)),
        migrations.AddField("rollup", "kept_bytes", models.BigIntegerField(default=0)),
    ]
