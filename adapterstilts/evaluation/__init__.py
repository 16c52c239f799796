"""Evaluation: predictions to disk first, scores from what lies there second."""
