"""A plan that was saved is the plan that was made: for random tenants and desired states."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings

from reconciler.report import document
from tests.laws.bench import bench
from tests.laws.tenants import declarations, snapshots

law = settings(max_examples=settings.default.max_examples // 2, suppress_health_check=list(HealthCheck))


@given(snapshots(), declarations())
@law
def test_every_plan_is_taken_as_it_was_written(snapshot, declared):
    """Whatever a plan holds: what comes back from its file is the same, down to the letter of the text."""
    with bench(snapshot, declared) as tenant:
        text = document.dumps(document.to_document(tenant.plan()))
    saved = document.parse(text, Path("plan.json"))
    assert document.fault(saved) is None
    assert document.dumps(document.to_document(saved.plan)) == text
