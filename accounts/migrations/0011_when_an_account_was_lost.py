from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0010_last_webhook_of_an_account"),
    ]

    operations = [
        migrations.AddField(
            model_name="account",
            name="lost_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
