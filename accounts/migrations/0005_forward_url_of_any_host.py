from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """The column is the same: what a forward URL may be is checked where one is written."""

    dependencies = [("accounts", "0004_address_of_any_host")]
    operations = [
        migrations.AlterField(
            model_name="gateway",
            name="forward_url",
            field=models.CharField("forward URL", max_length=500, blank=True),
        ),
    ]
