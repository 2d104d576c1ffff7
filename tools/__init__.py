"""Commands of the repository itself: environment, locks, checks, generated pages. Nothing here is shipped."""
