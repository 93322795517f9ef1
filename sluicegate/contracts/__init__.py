"""Contracts: what a dataset promises, and what happens to rows that break it."""

from sluicegate.contracts.agreement import Agrees
from sluicegate.contracts.base import Column, Contract
from sluicegate.contracts.checks import ISO_4217, iban, valid_iban
from sluicegate.contracts.dimension import Dimension, Severity
from sluicegate.contracts.field import field, key, rule
from sluicegate.contracts.model import Model
from sluicegate.contracts.personal import Personal, replacements
from sluicegate.contracts.promise import Promise, Promises, promises_of
from sluicegate.contracts.readings import Reading, read, reading_rules
from sluicegate.contracts.reference import Reference, require_reference
from sluicegate.contracts.types import PII, Date, Money, Rate, UtcTimestamp
from sluicegate.contracts.verdict import Verdict, judge, judge_by
from sluicegate.pseudonyms import Mask

__all__ = [
    "ISO_4217",
    "PII",
    "Agrees",
    "Column",
    "Contract",
    "Date",
    "Dimension",
    "Mask",
    "Model",
    "Money",
    "Personal",
    "Promise",
    "Promises",
    "Rate",
    "Reading",
    "Reference",
    "Severity",
    "UtcTimestamp",
    "Verdict",
    "field",
    "iban",
    "judge",
    "judge_by",
    "key",
    "promises_of",
    "read",
    "reading_rules",
    "replacements",
    "require_reference",
    "rule",
    "valid_iban",
]
