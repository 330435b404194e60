"""What is this package? Licence management for Microsoft 365 as reviewed code."""

__version__ = "0.1.0"
