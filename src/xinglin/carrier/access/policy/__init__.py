"""Which kind of member and which role may call which method, decided from the rights table."""
