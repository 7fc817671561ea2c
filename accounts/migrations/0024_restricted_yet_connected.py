from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0023_coming_and_going")]

    operations = [
        migrations.AddField(
            model_name="account",
            name="restricted_for",
            field=models.CharField(blank=True, db_default="", editable=False, max_length=40),
        ),
        migrations.AddField(
            model_name="account",
            name="restricted_until",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(
                fields=["id"],
                name="account_restricted",
                condition=models.Q(("restricted_for", ""), _negated=True),
            ),
        ),
        migrations.AlterField(
            model_name="incident",
            name="kind",
            field=models.CharField(
                max_length=30,
                choices=[
                    ("unreachable", "gateway cannot be read"),
                    ("mass_loss", "half of a gateway's sessions vanished"),
                    ("self_check", "no gateway can be read: suspect Rollcall itself"),
                    ("conflict", "another client runs a number"),
                    ("flapping", "sessions come and go"),
                    ("restricted", "WhatsApp limits a connected number"),
                    ("left_over", "a browser left behind holds a session's profile"),
                    ("repair_harms", "what Rollcall repairs dies again: repair is paused"),
                    ("misrouted", "webhooks arrive on a wrong path"),
                    ("failing", "webhooks fail"),
                    ("silent", "no webhooks come"),
                    ("slow", "webhooks are handled slowly"),
                    ("undelivered", "webhooks cannot be handed on"),
                    ("unattributed", "webhooks of nobody we know are refused"),
                    ("unwritten", "webhooks could not be written down"),
                    ("channel", "alerts cannot be delivered"),
                ],
            ),
        ),
    ]
