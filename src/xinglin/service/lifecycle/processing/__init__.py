"""Processing: says what category and level a record has, and makes de-identified copies (S7.1c, H7, H8)."""
