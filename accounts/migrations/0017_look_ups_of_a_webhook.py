from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Built beside the running service: nothing waits for it, and it waits for open transactions."""

    atomic = False

    dependencies = [
        ("accounts", "0016_unsigned_after_signed"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="account",
            index=models.Index(fields=["gateway", "workspace"], name="account_served"),
        ),
        AddIndexConcurrently(
            model_name="supersededsession",
            index=models.Index(fields=["session_id"], name="superseded_session"),
        ),
    ]
