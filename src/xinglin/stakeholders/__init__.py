"""Member kinds, roles and their rights, as pure data (clause 5, S5.2)."""
