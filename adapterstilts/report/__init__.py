"""What was found, for people: comparisons, tables, the guided tour."""
