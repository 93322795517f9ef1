"""What a contract says of a frame: for every row, the rules it breaks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pandera.polars as pa
import polars as pl
from pandera.config import ValidationDepth, config_context
from pandera.constants import CHECK_OUTPUT_KEY
from pandera.errors import SchemaError, SchemaErrorReason, SchemaErrors

from sluicegate.contracts.answers import answers, questions
from sluicegate.contracts.base import Contract
from sluicegate.errors import ContractError

_PER_ROW = {
    SchemaErrorReason.SERIES_CONTAINS_NULLS,
    SchemaErrorReason.DATAFRAME_CHECK,
}

_RAISES = (
    "the check raises on a value of these rows: it must answer true or false for every value of "
    "its column's type, such as with cast(..., strict=False)"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The rules that the rows of one frame break.

    Attributes:
        broken: rule name → boolean series, true on the rows that break it. Rules that no row
            breaks are absent.
        height: number of rows that were looked at.
    """

    broken: dict[str, pl.Series]
    height: int

    @property
    def rejected(self) -> pl.Series:
        """True on every row that breaks a rule."""
        if not self.broken:
            return pl.repeat(False, self.height, dtype=pl.Boolean, eager=True)
        return pl.DataFrame(self.broken).select(pl.any_horizontal(pl.all()).alias("rejected"))[
            "rejected"
        ]

    def rules_of(self, rows: pl.Series) -> pl.Series:
        """The names of the rules that each of some rows breaks, as lists.

        Args:
            rows: mask of the rows; all others cost nothing.
        """
        if not self.broken:
            return pl.Series("rules", [[]] * int(rows.sum()), dtype=pl.List(pl.String))
        # However many the rows, what they break is one of few sets: each is written out once.
        masks = pl.DataFrame(self.broken).filter(rows)
        sets = masks.unique()
        names = (pl.when(pl.col(rule)).then(pl.lit(rule)).alias(rule) for rule in self.broken)
        lists = sets.select(pl.concat_list(names).list.drop_nulls()).to_series()
        named = masks.join(
            sets.with_columns(lists.alias("")),
            on=list(self.broken),
            how="left",
            maintain_order="left",
        )
        return named[""].alias("rules")

    def only(self, rules: Collection[str]) -> Verdict:
        """The same, of some of the rules."""
        kept = {rule: mask for rule, mask in self.broken.items() if rule in rules}
        return Verdict(kept, self.height)

    def without(self, rules: Collection[str]) -> Verdict:
        """The same, of all rules but some."""
        return self.only(self.broken.keys() - set(rules))

    def counts(self) -> dict[str, int]:
        """How many rows break each rule."""
        return {rule: int(mask.sum()) for rule, mask in self.broken.items()}


def judge(contract: type[Contract], frame: pl.DataFrame) -> Verdict:
    """Validate an eager, typed frame against a contract.

    Everything that is not about single rows (a column that is missing, of another type or too
    many, a check that raises) is a fault of the contract or of whoever built the frame.

    Raises:
        ContractError: the contract cannot be applied to this frame.
    """
    return judge_by(contract.to_schema(), frame, contract.place())


def judge_by(schema: pa.DataFrameSchema, frame: pl.DataFrame, where: str) -> Verdict:
    """The same for a schema, such as a part of a contract's.

    The answers are those of pandera's checks, which are asked all at once: what pandera gathers to
    report on a frame costs more than to judge it.

    Raises:
        ContractError: the schema cannot be applied to this frame.
    """
    if frame.schema != {name: column.dtype.type for name, column in schema.columns.items()}:
        return judge_by_pandera(schema, frame, where)
    try:
        asked = questions(schema, frame)
        told = answers(asked, frame)
    except Exception:  # noqa: BLE001 - whatever a check of somebody's own raises
        # Pandera says which one it is that cannot answer.
        return judge_by_pandera(schema, frame, where)
    broken: dict[str, pl.Series] = {}
    for question, (height, mask) in zip(asked, told, strict=True):
        rule = question.rule
        if height != frame.height:
            raise ContractError(
                f"The contract cannot be applied: the check {rule} answers {height} times for "
                f"{frame.height} rows.",
                where=where,
            )
        if mask is not None:
            broken[rule] = broken[rule] | mask if rule in broken else mask
    return Verdict(broken, frame.height)


def judge_by_pandera(schema: pa.DataFrameSchema, frame: pl.DataFrame, where: str) -> Verdict:
    """The same by pandera alone: what :func:`judge_by` is held against, and what names its faults.

    Raises:
        ContractError: the schema cannot be applied to this frame.
    """
    try:
        # Whatever the process's environment says: a contract is applied in full or not at all.
        with config_context(
            validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA
        ):
            schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        broken: dict[str, pl.Series] = {}
        for error in errors.schema_errors:
            name, mask = _row_verdict(error, frame.height, where)
            broken[name] = broken[name] | mask if name in broken else mask
        return Verdict(broken, frame.height)
    return Verdict({}, frame.height)


def _row_verdict(error: SchemaError, height: int, where: str) -> tuple[str, pl.Series]:
    output = error.check_output
    # A check that answers once for the whole frame cannot say which rows to set aside.
    if error.reason_code not in _PER_ROW or output is None or output.height != height:
        raise ContractError(
            f"The contract cannot be applied: {_first_line(error)}",
            where=where,
            hint=_RAISES if error.reason_code is SchemaErrorReason.CHECK_ERROR else None,
        )
    passed = output[CHECK_OUTPUT_KEY]
    return _rule_name(error), ~passed.fill_null(False)


def _rule_name(error: SchemaError) -> str:
    check = error.check
    name = "not_null" if isinstance(check, str) else str(check.name)
    # A rule of the whole row belongs to the schema, a check to its column.
    return (
        name if type(error.schema).__name__ == "DataFrameSchema" else f"{error.schema.name}:{name}"
    )


def _first_line(error: SchemaError) -> str:
    # pandera quotes failure cases, which may be personal data: name the check, not the values.
    check = error.check if isinstance(error.check, str) else getattr(error.check, "name", "")
    reason = error.reason_code.name.lower().replace("_", " ") if error.reason_code else "failed"
    column = getattr(error.schema, "name", None)
    return f"{reason} ({column}: {check})"
