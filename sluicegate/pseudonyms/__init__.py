"""Pseudonyms: what stands in for personal values, the same for the same value wherever it is."""

from sluicegate.pseudonyms.keyed import DIGITS, Pseudonyms, affixes
from sluicegate.pseudonyms.masks import Mask, Replacement
from sluicegate.pseudonyms.spelling import UnknownPattern, spelled

__all__ = ["DIGITS", "Mask", "Pseudonyms", "Replacement", "UnknownPattern", "affixes", "spelled"]
