from django.db import migrations, models

from accounts.models.accounts import NumberKey


class Migration(migrations.Migration):
    dependencies = [("accounts", "0013_spellings_of_a_number")]

    operations = [
        migrations.AddConstraint(
            model_name="account",
            constraint=models.UniqueConstraint(
                NumberKey("phone_number"),
                models.F("workspace"),
                name="unique_number_workspace",
            ),
        ),
    ]
