"""How is a reviewed plan carried out, and what came of each of its changes?

The plan is the only thing that apply obeys: nothing here diffs, filters or invents a change. Nothing
here prints or exits either.
"""

from reconciler.apply.approval import Consent, Live, Losses, approve, losses, permit, protect, timely
from reconciler.apply.aside import aside
from reconciler.apply.credentials import Credentials
from reconciler.apply.engine import run
from reconciler.apply.result import Result, Run, Status

__all__ = [
    "Consent",
    "Credentials",
    "Live",
    "Losses",
    "Result",
    "Run",
    "Status",
    "approve",
    "aside",
    "losses",
    "permit",
    "protect",
    "run",
]
    "timely",
