"""A proposal as a module of ``contracts/``."""

from __future__ import annotations

from decimal import Decimal

from sluicegate.contracts import PII
from sluicegate.scaffold.columns import Proposed
from sluicegate.scaffold.names import class_of
from sluicegate.scaffold.proposal import LINE_KEY, Proposal, measured
from sluicegate.scaffold.text import WIDTH, call, comment, literal


def module_of(proposal: Proposal) -> str:
    """The text of the module."""
    body = "\n".join(_column(each) for each in proposal.columns)
    return (
        f'"""{_title(proposal)}\n\nProposed from {measured(proposal)} of a file. What is marked as '
        'a guess was seen in the sample, and\nnobody has promised it.\n"""\n\n'
        "from __future__ import annotations\n\n"
        f"{_imports(proposal)}\n\n\n"
        f"class {class_of(proposal.name)}(Contract):\n"
        '    """One row a record."""\n\n'
        f"{_key(proposal)}{body}\n\n\n{_source(proposal)}\n"
    )


def _title(proposal: Proposal) -> str:
    return f"{proposal.name.replace('_', ' ').capitalize()}: what its records seem to promise."


def _key(proposal: Proposal) -> str:
    if proposal.key:
        return ""
    said = comment(
        "guess: no column and no pair of columns tells the rows of the sample apart, so the place "
        "in the file does. Choose key() columns if you know them."
    )
    return f"{said}\n    {LINE_KEY}: int = key(reads=LINE)\n"


def _column(column: Proposed) -> str:
    lines = [comment(f"guess: {remark}") for remark in _guesses(column)]
    begin = f"{column.name}: {column.kind} = {'key' if column.key else 'field'}"
    return "\n".join([*lines, call(begin, _arguments(column), 4)])


def _guesses(column: Proposed) -> list[str]:
    said = list(column.remarks)
    if column.key:
        said.insert(0, "tells rows apart")
    elif column.isin is not None and not isinstance(column.isin, str):
        said.insert(0, f"{len(column.isin)} values in {column.profile.rows:,} rows")
    return ["; ".join(said)] if said else []


def _arguments(column: Proposed) -> list[str]:
    sent = column.profile.sent
    listed = column.isin if isinstance(column.isin, str) else literal(column.isin)
    given = [
        f"reads={literal(sent)}" if column.name != sent else "",
        "nullable=True" if column.nullable else "",
        f"ge={_bound(column.ge)}" if column.ge is not None else "",
        f"le={_bound(column.le)}" if column.le is not None else "",
        f"isin={listed}" if column.isin is not None else "",
        f"matches={literal(column.matches)}" if column.matches is not None else "",
        *_personal(column),
    ]
    return [each for each in given if each]


def _personal(column: Proposed) -> list[str]:
    if column.personal is None:
        return []
    return [
        "check=iban" if column.personal.iban else "",
        f"pii=PII.{column.personal.pii.name}",
        f"mask=Mask.{column.mask.name}" if column.mask is not None else "",
        f"domain={literal(column.domain)}" if column.domain is not None else "",
    ]


def _bound(value: object) -> str:
    whole = isinstance(value, Decimal) and value == value.to_integral_value()
    return str(int(value)) if whole else literal(value)  # type: ignore[call-overload]


def _imports(proposal: Proposal) -> str:
    columns = proposal.columns
    types = {each.kind for each in columns} - {"str", "int"}
    constants = ["ISO_4217"] if any(each.isin == "ISO_4217" for each in columns) else []
    personal = [each.personal for each in columns if each.personal is not None]
    if any(each.pii is not PII.NONE for each in personal):
        constants.append("PII")
    classes = sorted({"Contract", *types} | ({"Mask"} if any(c.mask for c in columns) else set()))
    called = [
        *(["field"] if any(not each.key for each in columns) else []),
        *(["iban"] if any(each.iban for each in personal) else []),
        "key",
    ]
    used = {"Files", "Load"} | ({proposal.told.declared.partition("(")[0]} - {""})
    if proposal.told.declared == "Delimited()":
        used.discard("Delimited")
    sources = [*([] if proposal.key else ["LINE"]), *sorted(used)]
    contracts = _import("sluicegate.contracts", [*constants, *classes, *called])
    return f"{contracts}\n{_import('sluicegate.sources', sources)}"


def _import(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return line
    lines = "".join(f"    {name},\n" for name in names)
    return f"from {module} import (\n{lines})"


def _source(proposal: Proposal) -> str:
    declared = proposal.told.declared
    format_ = [] if declared == "Delimited()" else [f"    format={declared},"]
    load = (
        ["    # guess: a later file corrects the rows that it has.", "    load=Load.MERGE,"]
        if proposal.key
        else [
            "    # guess: each file is the whole, since its rows have no key.",
            "    load=Load.REPLACE,",
            '    may_shrink="50 %",',
        ]
    )
    remarks = [comment(f"guess: {each}") for each in proposal.told.remarks]
    key = [comment(f"guess: the key {each}") for each in proposal.key_remarks]
    return "\n".join(
        [
            "source = Files(",
            f"    {literal(proposal.name)},",
            f"    contract={class_of(proposal.name)},",
            f"    match={literal(proposal.match)},",
            *remarks,
            *format_,
            *key,
            *load,
            *_ignored(proposal),
            f'    tolerate="{proposal.tolerate} %",',
            f"    owner={literal(proposal.owner or 'nobody yet')},",
            ")",
        ]
    )


def _ignored(proposal: Proposal) -> list[str]:
    if not proposal.ignore:
        return []
    said = comment("guess: null where its members are absent, and no column of its own.")
    line = f"    ignore={literal(proposal.ignore)},"
    if len(line) <= WIDTH:
        return [said, line]
    return [
        said,
        "    ignore=(",
        *(f"        {literal(each)}," for each in proposal.ignore),
        "    ),",
    ]
