from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("reconciliation", "0002_twins"),
    ]

    operations = [
        migrations.AddField(
            model_name="finding",
            name="workspace_id",
            field=models.BigIntegerField(blank=True, null=True),
        ),
    ]
