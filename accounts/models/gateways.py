"""Gateways, their secrets, and the client that reads one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.store import clock
from accounts.store.encryption import CannotOpen, seal, unseal, unseal_those_that_open
from gateways import registry
from gateways.base import Client, GatewayError, webhook_path
from gateways.registry import default_kind


class Gateway(models.Model):
    """Running gateway, its reachability, and the lease of its roll call."""

    class Mode(models.TextChoices):
        OBSERVE = "observe", "observe: judge and show, do nothing"
        ACT = "act", "act: repair and tell as well"

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=30, default=default_kind().name)
    # Not a URLField: Django rejects bare host names such as http://whatsapp:3001.
    # accounts.operators.provisioning.free_address validates the address.
    base_url = models.CharField("base URL", max_length=500)
    mode = models.CharField(max_length=10, choices=Mode.choices, default=Mode.ACT)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    # Webhooks: whether a key alone is accepted, other paths they may arrive on, and the business's
    # own backend that they are forwarded to. Once a gateway has signed, unsigned webhooks are
    # refused unless an operator says otherwise.
    require_signature = models.BooleanField(default=False)
    accepts_unsigned = models.BooleanField(default=False)
    signs_since = models.DateTimeField(null=True, blank=True, editable=False)
    accepted_paths = models.JSONField(default=list, blank=True)
    forward_url = models.CharField("forward URL", max_length=500, blank=True)

    class SendProbe(models.TextChoices):
        """Times when a message that cannot be sent may serve as a probe, where no other probe
        exists."""

        OFF = "off", "never"
        SILENT = "silent", "when an account's silence is unusual"
        ALWAYS = "always", "every 10 min"

    send_probe = models.CharField(
        max_length=10, choices=SendProbe.choices, default=SendProbe.SILENT
    )
    # Automatic repair is paused here until an operator resumes it.
    repair_paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    repair_paused_why = models.CharField(max_length=500, blank=True, editable=False)

    # Visibility: since when every read of it succeeded, or since when and why none did.
    sight_since = models.DateTimeField(null=True, blank=True, editable=False)
    blind_since = models.DateTimeField(null=True, blank=True, editable=False)
    blind_why = models.CharField(max_length=500, blank=True, editable=False)
    # The watermark: start of the last complete list. Every account that this list showed is as
    # fresh as this, without a write to its row.
    listed_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Last boot, computed from its uptime, and how its list has grown since.
    booted_at = models.DateTimeField(null=True, blank=True, editable=False)
    boot_seen_at = models.DateTimeField(null=True, blank=True, editable=False)
    boot_sessions = models.PositiveIntegerField(default=0, editable=False)
    boot_grown_at = models.DateTimeField(null=True, blank=True, editable=False)
    # When the schedule last started a roll call, and the lease of the one under way.
    run_started_at = models.DateTimeField(null=True, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    lease_token = models.UUIDField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="signed_or_not",
                condition=~Q(require_signature=True, accepts_unsigned=True),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def active_secrets(self, purpose: str, now: datetime) -> list[str]:
        """Return the secrets of a purpose that are valid now, newest first. Raises CannotOpen if
        there are some and none opens."""
        rows = sorted(self.secrets.all(), key=lambda row: row.pk or 0, reverse=True)
        return unseal_those_that_open(
            row.sealed for row in rows if row.purpose == purpose and row.is_active(now)
        )

    @property
    def must_sign(self) -> bool:
        """Return whether a key or a path alone is no longer believed."""
        return self.require_signature or (
            self.signs_since is not None and not self.accepts_unsigned
        )

    @property
    def webhook_path(self) -> str:
        return webhook_path(self.kind)


class MaintenanceWindow(models.Model):
    """Time in which a gateway is observed, but neither judged nor repaired."""

    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="maintenance_windows")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    why = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=150, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(
                name="maintenance_ends_after_it_starts", condition=Q(ends_at__gt=F("starts_at"))
            ),
        ]
        indexes = [models.Index(fields=["gateway", "ends_at"], name="maintenance_gateway")]

    def __str__(self) -> str:
        return f"maintenance of {self.gateway}"


class GatewaySecret(models.Model):
    """A secret shared with a gateway. Several may be active while one is being replaced."""

    class Purpose(models.TextChoices):
        API_KEY = "api_key", "API key, both directions"
        HMAC = "hmac", "webhook signature"
        PATH = "path", "secret webhook path"

    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="secrets")
    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    sealed = models.TextField(editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    not_after = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} of {self.gateway}"

    def is_active(self, now: datetime) -> bool:
        return self.not_after is None or now < self.not_after

    @property
    def secret(self) -> str:
        return unseal(self.sealed)

    @secret.setter
    def secret(self, value: str) -> None:
        self.sealed = seal(value)


# Keys that `client_of` chooses from, for a statement that already reads `gateway`.
SEALED_KEYS_SQL = """ARRAY(
    SELECT secret.sealed FROM accounts_gatewaysecret secret
     WHERE secret.gateway_id = gateway.id AND secret.purpose = 'api_key'
       AND (secret.not_after IS NULL OR secret.not_after > %(now)s) ORDER BY secret.id DESC)"""


def client_of(gateway: Gateway, *, sealed_keys: Sequence[str] | None = None) -> Client:
    """Return the client of its kind with its newest active key, to use in a `with` block.

    `sealed_keys`: for callers that have read them already. Raises GatewayError if there is no
    usable key, or no client for its kind.
    """
    registry.require_readable(gateway.kind)
    try:
        if sealed_keys is None:
            keys = gateway.active_secrets(GatewaySecret.Purpose.API_KEY, clock.database_now())
        else:
            keys = unseal_those_that_open(sealed_keys)
    except CannotOpen as error:
        raise GatewayError(str(error)) from error
    if not keys:
        raise GatewayError(
            f"gateway {gateway.name} has no active API key: "
            f"./run manage gateway_add --name {gateway.name} --api-key …"
        )
    return registry.client_for(gateway.kind, gateway.base_url, api_key=keys[0])
