"""The command line: one file for each noun; no business rules (design D12)."""
