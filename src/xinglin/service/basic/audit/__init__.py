"""Audit: access entries and heads, twins, receipts, the trace of who read what, and how it is checked (H4, H11, H14)."""
