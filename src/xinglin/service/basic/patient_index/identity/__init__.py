"""What people decided on who is one person, on record on the institution's private chain (H1, H2)."""
