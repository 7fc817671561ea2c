from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("reconciliation", "0004_words_of_a_roll_call"),
    ]

    operations = [
        migrations.AlterField(
            model_name="finding",
            name="kind",
            field=models.CharField(
                choices=[
                    ("missing", "we say it runs, the gateway has no such session"),
                    ("differs", "the gateway says something else"),
                    ("unclaimed", "the gateway has a session that no account knows"),
                    ("duplicate", "two sessions have one number"),
                    ("unwanted", "running, but should be stopped"),
                    ("list_lied", "alive, but absent from the gateway's list"),
                    ("twin", "another account has the same number"),
                    ("more", "more such sessions than are kept one by one"),
                ],
                max_length=12,
            ),
        ),
    ]
