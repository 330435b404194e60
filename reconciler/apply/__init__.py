"""How is a reviewed plan carried out, and what came of each of its changes?

The plan is the only thing that apply obeys: nothing here diffs, filters or invents a change. Nothing
here prints or exits either.
"""

from reconciler.apply.approval import Consent, Live, Losses, approve, losses, permit, protect, timely
from reconciler.apply.aside import aside
from reconciler.apply.credentials import Credentials, passwords
from reconciler.apply.engine import run
from reconciler.apply.result import Result, Run, Status
from reconciler.apply.resuming import Former, approved, former

__all__ = [
    "Consent",
    "Credentials",
    "Former",
    "Live",
    "Losses",
    "Result",
    "Run",
    "Status",
    "approve",
    "approved",
    "aside",
    "former",
    "losses",
    "passwords",
    "permit",
    "protect",
    "run",
    "timely",
]
