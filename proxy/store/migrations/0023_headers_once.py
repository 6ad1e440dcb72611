from importlib import import_module

from django.db import migrations, models

_0008 = import_module("proxy.store.migrations.0008_retention")
KEEP_BEFORE = _0008.KEEP.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
# A pinned exchange keeps the dictionary of its headers too, which is one digest long, or null.
KEEP = KEEP_BEFORE.replace(
    "ARRAY[request_manifest, response_manifest]",
    "ARRAY[request_manifest, response_manifest, headers_dictionary]",
)


class Migration(migrations.Migration):
    dependencies = [("proxy", "0022_conversations")]

    operations = [
        migrations.AddField("exchangebody", "headers", models.BinaryField(null=True)),
        migrations.AddField("exchangebody", "headers_dictionary", models.BinaryField(null=True)),
        migrations.RunSQL(KEEP, KEEP_BEFORE),
    ]
