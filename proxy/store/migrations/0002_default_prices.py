from dataclasses import asdict

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from proxy.wire.pricing import DEFAULT_PRICES


def fill(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """A price that an operator has already entered stays."""
    model = apps.get_model("proxy", "Price")
    rows = [
        model(**{name: value for name, value in asdict(price).items() if name != "id"})
        for price in DEFAULT_PRICES
    ]
    model.objects.bulk_create(rows, ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("proxy", "0001_initial")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
