from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0009_what_repair_looks_for"),
    ]

    operations = [
        migrations.AddField(
            model_name="account",
            name="webhook_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
