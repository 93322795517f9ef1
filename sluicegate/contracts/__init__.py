"""Contracts: what a dataset promises, and what happens to rows that break it."""

from sluicegate.contracts.agreement import Agrees
from sluicegate.contracts.base import Column, Contract
from sluicegate.contracts.checks import ISO_4217, iban, valid_iban
from sluicegate.contracts.field import field, key, rule
from sluicegate.contracts.model import Model
from sluicegate.contracts.personal import Personal, replacements
from sluicegate.contracts.readings import Reading, read, reading_rules
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
    "Mask",
    "Model",
    "Money",
    "Personal",
    "Rate",
    "Reading",
    "UtcTimestamp",
    "Verdict",
    "field",
    "iban",
    "judge",
    "judge_by",
    "key",
    "read",
    "reading_rules",
    "replacements",
    "rule",
    "valid_iban",
]
