"""What is planned for an account as a code with arguments, where an English sentence stood.

A sentence is not translated back: repair decides every lost account anew within seconds of its
start and writes its code. Until then the reason of the loss says what to do. The moment goes with
the sentence it belonged to."""

from django.db import migrations, models
from django.db.models import Q


def clear_moments(apps, schema_editor):
    accounts = apps.get_model("accounts", "Account").objects.using(schema_editor.connection.alias)
    accounts.filter(next_step_at__isnull=False).update(next_step_at=None)


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0012_incident_of_what_is_not_written'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='account',
            name='account_repair',
        ),
        migrations.RemoveField(
            model_name='account',
            name='next_step',
        ),
        migrations.AddField(
            model_name='account',
            name='next_step_arguments',
            field=models.JSONField(default=dict, editable=False),
        ),
        migrations.AddField(
            model_name='account',
            name='next_step_code',
            field=models.CharField(blank=True, editable=False, max_length=40),
        ),
        migrations.AddIndex(
            model_name='account',
            index=models.Index(condition=Q(Q(('next_step_code', ''), _negated=True), ('strikes__gt', 0), ('quarantined_until__isnull', False), _connector='OR'), fields=['id'], name='account_repair'),
        ),
        # Last: PostgreSQL alters no table with rows changed in the same transaction.
        migrations.RunPython(clear_moments, migrations.RunPython.noop),
    ]
