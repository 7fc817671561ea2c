from django.db import migrations, models

# Without its constraint first: a filled foreign key could not be altered within the same transaction.
FILL = """
UPDATE webhook_forwards SET gateway_id = webhook_deliveries.gateway_id
FROM webhook_deliveries WHERE webhook_deliveries.id = webhook_forwards.delivery_id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_channel_lease"),
        ("webhooks", "0004_find_the_rare"),
    ]

    operations = [
        migrations.AddField(
            model_name="forward",
            name="is_set_aside",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="forward",
            name="gateway",
            field=models.ForeignKey(
                to="accounts.gateway",
                on_delete=models.CASCADE,
                related_name="forwards",
                null=True,
                db_index=False,
                db_constraint=False,
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="forward",
            name="gateway",
            field=models.ForeignKey(
                to="accounts.gateway",
                on_delete=models.CASCADE,
                related_name="forwards",
                db_index=False,
            ),
        ),
        migrations.AddIndex(
            model_name="forward",
            index=models.Index(fields=["gateway", "id"], name="forward_gateway"),
        ),
    ]
