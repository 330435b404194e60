"""What must change in the tenant? Placeholder."""
