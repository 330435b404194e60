"""Under each preset, with several batches in flight, the invariants hold too."""

import msgspec
import pytest

from reconciler.errors import DirectoryError
from reconciler.sandbox.faults import load
from tests.faults import campaign
from tests.faults.invariants import breaches, foreign
from tests.faults.scene import Scene

PRESETS = ("flaky", "hostile", "lagging", "throttled")


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("preset", PRESETS)
def test_an_apply_under_a_preset(preset, seed):
    plan, end, _ = campaign.calm()
    with Scene(parallelism=4) as tenant:
        tenant.layer.change(msgspec.structs.replace(load(preset), seed=seed))
        try:
            approved, run = tenant.apply(plan)
        except DirectoryError:
            assert tenant.layer.commits == []
        else:
            assert breaches(tenant.layer, approved, run, tenant.journal) == []
        tenant.begin_anew()
        assert list(campaign.converges(tenant, end if preset != "hostile" else None)) == []


@pytest.mark.parametrize("preset", PRESETS)
def test_a_plan_under_a_preset_is_the_true_one_or_none(preset):
    """But where rows are left out, which nobody can see: then it takes no more away than the true one."""
    plan, _, _ = campaign.calm()
    for seed in range(5):
        with Scene(parallelism=4) as tenant:
            tenant.layer.change(msgspec.structs.replace(load(preset), seed=seed))
            try:
                made = tenant.plan()
            except DirectoryError:
                made = plan
            assert tenant.layer.commits == []
            assert list(foreign(tenant.layer)) == []
            if preset == "hostile":
                assert campaign.removals(made) <= campaign.removals(plan)
            else:
                assert campaign.timeless(made) == campaign.timeless(plan)
