"""Adding up trained updates: on saved files, without the base, with figures that prove the result."""
