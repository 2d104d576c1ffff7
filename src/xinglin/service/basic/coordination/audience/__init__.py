"""The contract ``audience``: who holds which transmission key, epoch by epoch."""
