from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0005_forwards_of_a_gateway")]

    operations = [
        migrations.RemoveField("route", "wrong_path"),
        migrations.RemoveField("route", "wrong_path_since"),
        migrations.RemoveField("route", "wrong_path_at"),
        migrations.AddField("route", "wrong_paths", models.JSONField(default=dict)),
    ]
