"""What can go wrong between a client and the sandbox, on purpose?

The entry points: a description of faults, from a file or by the name of a preset, and the layer that
makes them happen around the tenant. A run with the same faults and the same requests goes the same way.
"""

from reconciler.sandbox.faults.description import DOCUMENTED, Faults, Limit, Rule, Throttle
from reconciler.sandbox.faults.reading import PRESETS, load, parse

__all__ = ["DOCUMENTED", "PRESETS", "Faults", "Limit", "Rule", "Throttle", "load", "parse"]
