"""The management-decision party (clauses 5.3 to 5.5): plan, execution and monitoring, disposal of a use of data."""
