"""Small things that stand in for large ones: bases of random weights, and a handful of rows."""
