"""Who may do what with a record: consents, bases, break-glass, guardians, and the one policy of permits."""
