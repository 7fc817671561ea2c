"""A session unlinked on the phone while every webhook is lost needs a human from first to last."""

from __future__ import annotations

from accounts.models import Gateway, Repair
from reconciliation.repair.governor import govern
from simulator.world import faults


def test_it_is_never_restarted_when_its_gateway_drops_it(scene):
    Gateway.objects.update(mode="act")
    scene.tick()
    faults.unlink(scene.world, "alice")
    scene.passes(5)
    scene.tick()
    assert scene.says(scene.cast.alice) == [("qr_scanning", "unlinked")]

    scene.loses(scene.cast.alice)
    for _ in range(8):
        scene.tick()
        govern()

    assert scene.says(scene.cast.alice) == [("logged_out", "unlinked")]
    assert not Repair.objects.exists()
