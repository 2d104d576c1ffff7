"""The measurements behind ``xinglin bench``: durable settings, no warm-up, figures as they come (design D15)."""
