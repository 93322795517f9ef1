"""The promises of a contract: of every rule, its dimension of quality and its severity."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from sluicegate.contracts.base import Contract
from sluicegate.contracts.dimension import USUAL, Dimension, Severity
from sluicegate.contracts.field import METADATA, rule_meta
from sluicegate.contracts.foreign_keys import RULE


@dataclass(frozen=True, slots=True)
class Promise:
    """What a rule stands for."""

    dimension: Dimension
    severity: Severity = Severity.REJECT


class Promises(dict[str, Promise]):
    """Rule → what it stands for. A rule that is not in it is one of reading what was written."""

    def __missing__(self, rule: str) -> Promise:
        """A text that cannot be read is invalid, and no value that could be published."""
        return Promise(Dimension.VALIDITY)

    @property
    def warnings(self) -> list[str]:
        """The rules that only warn."""
        return [rule for rule, promise in self.items() if promise.severity is Severity.WARN]

    def of(self, dimension: Dimension) -> list[str]:
        """The rules of a dimension."""
        return [rule for rule, promise in self.items() if promise.dimension is dimension]


@cache
def promises_of(contract: type[Contract]) -> Promises:
    """What every rule that a typed row can break stands for, in the order of the contract."""
    found, schema = Promises(), contract.to_schema()
    if contract.key():
        found[contract.unique_rule()] = Promise(Dimension.UNIQUENESS)
    for name, column in schema.columns.items():
        if not column.nullable:
            found[f"{name}:not_null"] = Promise(Dimension.COMPLETENESS)
        meta = column.metadata[METADATA].rules
        promise = Promise(meta.dimension or Dimension.VALIDITY, meta.severity)
        found.update({f"{name}:{check.name}": promise for check in column.checks})
        if column.metadata[METADATA].references is not None:
            found[f"{name}:{RULE}"] = Promise(Dimension.CONSISTENCY)
    reads = {
        name: set(expression.meta.root_names()) for name, expression in contract.row_rules().items()
    }
    for check in schema.checks:
        name = str(check.name)
        meta = rule_meta(getattr(contract, name, None)) or USUAL
        # What one column may hold is its form, however it was written down.
        usual = Dimension.VALIDITY if len(reads.get(name, ())) == 1 else Dimension.CONSISTENCY
        found[name] = Promise(meta.dimension or usual, meta.severity)
    return found
