from django.db import migrations


class Migration(migrations.Migration):
    """A name of code: the table keeps its own, so the database does nothing."""

    dependencies = [("proxy", "0020_left_organisation")]

    operations = [
        migrations.AlterModelTable("SetAside", "proxy_setaside"),
        migrations.RenameModel("SetAside", "DeadLetter"),
    ]
