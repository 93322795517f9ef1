"""Releases and the ledger of what happened to them."""

from sluicegate.release.ledger import Ledger

__all__ = ["Ledger"]
