"""What a contract's ``Config`` may say: nothing that takes a promise back."""

from __future__ import annotations

from difflib import get_close_matches

from pandera.api.dataframe.model_config import BaseConfig

from sluicegate.errors import ContractError

_HARMLESS = frozenset({"name", "title", "description"})
_NEVER = "a frame is made with the columns of its contract, so this can never fail"
_REASONS = {
    "drop_invalid_rows": "it would drop rows without a trace: rows that break a rule go to "
    "quarantine",
    "coerce": "it would turn values into others, or into none: a column is of its type, and texts "
    "are read before",
    "strict": "it would let columns pass, or drop them, that the contract does not name",
    "unique": "it would count absent values as copies: declare the columns with key()",
    "add_missing_columns": "it would make up a column that is missing: declare it with since=",
    "on_missing_columns": "it would only warn: declare the column with since=",
    "dtype": "it would overrule the types of the columns",
    "ordered": _NEVER,
    "unique_column_names": _NEVER,
    "metadata": "nothing reads it: field(), key() and the source take what there is to say",
}
"""Why an option is refused, and what to do; all others are for other kinds of frames."""


def require_no_option(contract: type) -> None:
    """Refuse options of pandera's that silence a rule, that are ignored, or that nobody knows.

    Raises:
        ContractError: the contract's ``Config`` says one of them.
    """
    where = f"{contract.__module__}.{contract.__qualname__}.Config"
    for name in dir(config := contract.Config):  # type: ignore[attr-defined]
        value = getattr(config, name)
        usual = True if name == "strict" else getattr(BaseConfig, name, config)
        if name.startswith("_") or name in _HARMLESS or value is usual:
            continue
        if not hasattr(BaseConfig, name):
            near = get_close_matches(name, [*_HARMLESS, *_REASONS], n=1)
            raise ContractError(
                f"Config says {name!r}, which nothing knows.",
                where=where,
                hint=f"did you mean {near[0]!r}?" if near else "remove it; checks stand in field()",
            )
        reason = _REASONS.get(name, "nothing reads it")
        raise ContractError(
            f"Config says {name} = {value!r}: {reason}.", where=where, hint=f"remove {name}"
        )
