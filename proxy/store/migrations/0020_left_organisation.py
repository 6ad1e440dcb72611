"""A column with a constant default: no row is written, so it takes no time however many there are."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("proxy", "0019_older_rule")]

    operations = [
        migrations.AddField(
            model_name="exchange",
            name="left_organisation",
            field=models.CharField(db_default="", default="", max_length=120),
        ),
    ]
