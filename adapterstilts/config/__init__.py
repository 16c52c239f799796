"""Settings: typed, frozen, complete before any work starts."""
