"""Audit: access entries and heads, twins, receipts, the trace of who read what and its checks (H4, H11, H14)."""
