"""Codes and values in columns of their own, where sentences were searched for them.

What was planned for an account is not translated: repair decides every lost account anew within
seconds of its start and writes its code. Until then the reason of the loss says what to do. The
moment goes with the sentence it belonged to. A number that was scanned is taken over."""

from django.db import migrations, models

_CLEAR = "UPDATE whatsapp_accounts SET next_step_at = NULL WHERE next_step_at IS NOT NULL"
_TAKE_OVER = """
UPDATE whatsapp_accounts SET scanned_number = substring(status_raw FROM '^scanned ([0-9]{7,15})$')
 WHERE status_reason = 'wrong_number' AND status_raw ~ '^scanned [0-9]{7,15}$'
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0014_one_row_of_a_number'),
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
        migrations.AddField(
            model_name='account',
            name='scanned_number',
            field=models.CharField(blank=True, editable=False, max_length=15),
        ),
        migrations.AddIndex(
            model_name='account',
            index=models.Index(condition=models.Q(models.Q(('next_step_code', ''), _negated=True), ('strikes__gt', 0), ('quarantined_until__isnull', False), _connector='OR'), fields=['id'], name='account_repair'),
        ),
        # Last: PostgreSQL alters no table with changes of the same transaction still to be checked.
        migrations.RunSQL([_CLEAR, _TAKE_OVER], migrations.RunSQL.noop),
    ]
