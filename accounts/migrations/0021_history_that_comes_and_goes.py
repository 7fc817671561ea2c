from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0020_say_replaced_and_rejected"),
    ]

    operations = [
        migrations.AddField(
            model_name="transition",
            name="folded",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
    ]
