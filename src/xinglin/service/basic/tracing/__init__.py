"""Traces: what became of a record, drawn together by a scheme, shown as far as one may see (S8.6b to S8.6d)."""
