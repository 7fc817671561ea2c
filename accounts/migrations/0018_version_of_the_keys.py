from django.db import migrations

# The numbers come from a sequence, and never come again; the row is as old or new to a reader as
# the secrets are. Triggers, so that it moves whoever changes a secret, by whatever statement.
FORWARDS = """
CREATE SEQUENCE accounts_keyring_versions;
CREATE TABLE accounts_keyring (
    id smallint PRIMARY KEY CHECK (id = 1),
    version bigint NOT NULL
);
INSERT INTO accounts_keyring VALUES (1, nextval('accounts_keyring_versions'));
CREATE FUNCTION accounts_keyring_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO accounts_keyring VALUES (1, nextval('accounts_keyring_versions'))
        ON CONFLICT (id) DO UPDATE SET version = excluded.version;
    RETURN NULL;
END $$;
CREATE TRIGGER keyring_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON accounts_gatewaysecret
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_keyring_changed();
CREATE TRIGGER keyring_changed
    AFTER UPDATE OF kind, base_url, require_signature, forward_url, signs_since, accepts_unsigned
    ON accounts_gateway
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_keyring_changed();
"""
BACKWARDS = """
DROP TRIGGER keyring_changed ON accounts_gateway;
DROP TRIGGER keyring_changed ON accounts_gatewaysecret;
DROP FUNCTION accounts_keyring_changed();
DROP TABLE accounts_keyring;
DROP SEQUENCE accounts_keyring_versions;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0017_look_ups_of_a_webhook"),
    ]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
