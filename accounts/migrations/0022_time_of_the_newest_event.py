from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0021_history_that_comes_and_goes")]

    operations = [
        migrations.AddField(
            model_name="account",
            name="event_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
