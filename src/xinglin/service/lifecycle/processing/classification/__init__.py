"""Classification and grading by rules that are data (S7.1c; GB/T 39725-2020)."""
