"""The management-decision party (clauses 5.3 to 5.5): planning, execution and monitoring, disposal."""
