"""To and from other libraries: exports that are loaded again before they count, model cards, uploads."""
