"""Experiments: a recipe becomes a graph of steps, each known by its content; what is done is never done again."""
