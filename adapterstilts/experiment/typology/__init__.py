"""Typological distance between languages, and whether gains fall or rise with it."""

from adapterstilts.experiment.typology.distances import FILE, KINDS, attested, distance, languages
from adapterstilts.experiment.typology.gains import against_gain, correlations

__all__ = ["FILE", "KINDS", "against_gain", "attested", "correlations", "distance", "languages"]
