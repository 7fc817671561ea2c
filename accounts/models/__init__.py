"""Models of numbers, their sessions and statuses, every change, and what operators are told."""

from __future__ import annotations

from accounts.models.accounts import Account, SupersededSession, Transition
from accounts.models.gateways import Gateway, GatewaySecret, MaintenanceWindow
from accounts.models.incidents import Channel, Incident, Notification
from accounts.models.repairs import Repair
from accounts.models.workspaces import Membership, Workspace

__all__ = (
    "Account",
    "Channel",
    "Gateway",
    "GatewaySecret",
    "Incident",
    "MaintenanceWindow",
    "Membership",
    "Notification",
    "Repair",
    "SupersededSession",
    "Transition",
    "Workspace",
)
