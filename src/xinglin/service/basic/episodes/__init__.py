"""Episodes sealed for a dispute: a set of records that is complete and unchanged, and opened by two sides (S1.1)."""
