"""Which ways are there to sign in to a live tenant?"""

from __future__ import annotations

METHODS = (
    "client-secret",
    "client-certificate",
    "workload-identity",
    "github-actions",
    "azure-pipelines",
    "gitlab",
    "managed-identity",
    "azure-cli",
    "device-code",
)
"""In the order in which they are tried."""
