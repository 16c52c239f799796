"""Rows from the Hub or a mirror, tokenised once, batched by length, mixed over tasks."""
