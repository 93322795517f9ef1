"""A proposal: a source and the contract of its rows, guessed from a sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sluicegate.pseudonyms import Mask, Replacement
from sluicegate.scaffold.columns import Proposed, proposed, unshaped, without
from sluicegate.scaffold.formats import Told, declaration
from sluicegate.scaffold.keys import keys_of
from sluicegate.scaffold.names import columns_of
from sluicegate.scaffold.profile import ENOUGH, profiles_of
from sluicegate.scaffold.sample import MOST_ROWS, Sample
from sluicegate.sources import Excel, Format, Json, Ndjson

_USUAL = 10
"""Percent of rejected rows that one may live with."""

_MOMENT = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+$"
_ZONE = "Europe/Berlin"
"""The zone of an example."""

LINE_KEY = "line_no"
"""The column that stands for a key where there is none: the place in the file."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A source and its contract.

    Attributes:
        name: of the source.
        file: name of the file that was sampled.
        told: how it is read.
        columns: in the order of the file.
        rows: rows of the sample that could be parsed.
        rejects: records of it that could not.
        whole: whether the sample is the file.
        match: pattern of the files below the landing folder.
        owner: the team to ask, if it is known.
        tolerate: share of rejected rows above which a batch is refused, in percent.
        key_remarks: how sure the key is.
        other_keys: columns that tell rows apart as well.
        ignore: names of objects that are null in some records; their members are the columns.
    """

    name: str
    file: str
    told: Told
    columns: tuple[Proposed, ...]
    rows: int
    rejects: int
    whole: bool
    match: str
    owner: str | None = None
    tolerate: int = 2
    key_remarks: tuple[str, ...] = ()
    other_keys: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, ...]:
        """Names of the columns of the key; none: the place in the file has to do."""
        return tuple(each.name for each in self.columns if each.key)

    def loosened(self, rule: str, rows: int) -> Proposal:
        """The same without a rule of one column, if it can be left out.

        Args:
            rows: how many break it.
        """
        name, _, check = rule.partition(":")
        found = {each.name: each for each in self.columns}
        if name not in found or (found[name].key and check in ("not_null", "unique")):
            return self
        told = f"{rule} is left out, since {rows:,} rows of the sample break it"
        changed = without(found[name], check, told)
        columns = tuple(changed if each.name == name else each for each in self.columns)
        return replace(self, columns=columns)

    def undecided(self) -> list[str]:
        """What a sample cannot say, and somebody has to."""
        said = []
        if not self.key:
            said.append(
                "no column, and no pair of columns, tells all rows apart without a gap: the key is "
                f"{LINE_KEY}, the place in the file, so each file replaces the one before"
            )
        elif self.other_keys:
            said.append(f"which key is meant: {', '.join(self.other_keys[:6])} would do as well")
        if self.key:
            said.append("whether later rows correct, add or replace: load=Load.MERGE is a guess")
        if self.owner is None:
            said.append("who is to be asked: owner=")
        if self.tolerate > _USUAL:
            said.append(f"whether so many bad records are normal: tolerate={self.tolerate} %")
        said.append("when something new must be there: fresh=")
        texts = [each.name for each in self.columns if each.kind == "str" and _doubtful(each)]
        if texts:
            said.append(f"a better type than text, see the remarks: {', '.join(texts)}")
        said.append("what the columns mean: description=; and who else is personal: pii=")
        return said


def propose(
    name: str,
    sample: Sample,
    *,
    match: str,
    owner: str | None = None,
    known: Mapping[str, Replacement],
) -> Proposal:
    """Propose a source and its contract.

    Args:
        match: pattern of the files below the landing folder.
        known: how personal values are replaced by other contracts, by domain.
    """
    ignore = _null_objects(sample)
    rows = sample.rows.drop(ignore)
    names = columns_of([each for each in sample.columns if each not in ignore])
    columns = [
        _own_domain(_with_clock(proposed(called, profile), sample.told.format), name, known)
        for called, profile in zip(names, profiles_of(rows), strict=True)
    ]
    keys = keys_of(columns, rows)
    return Proposal(
        name,
        sample.name,
        sample.told,
        tuple(each.as_key() if each.name in keys.chosen else each for each in columns),
        sample.rows.height,
        sample.rejects.height,
        sample.whole,
        match,
        owner,
        key_remarks=keys.remarks,
        other_keys=keys.others,
        ignore=ignore,
    )


def measured(proposal: Proposal) -> str:
    """What the guesses are made of."""
    return f"all {proposal.rows:,} rows" if proposal.whole else f"the first {MOST_ROWS:,} rows"


def _null_objects(sample: Sample) -> tuple[str, ...]:
    """Names of JSON objects that are null in some records and have members in others."""
    if not isinstance(sample.told.format, Ndjson | Json):
        return ()
    return tuple(
        name
        for name in sample.columns
        if any(other.startswith(f"{name}.") for other in sample.columns)
        and sample.rows[name].null_count() == sample.rows.height
    )


def _with_clock(column: Proposed, format_: Format) -> Proposed:
    """How moments of a workbook, whose cells know no offset, become moments of a contract."""
    if not isinstance(format_, Excel) or column.kind != "str" or not _shows_clock(column):
        return column
    zoned = declaration(replace(format_, moments={column.profile.sent: _ZONE}))
    # The workbook has no such texts: their form is that in which cells are read.
    found = unshaped(column) if column.personal is None else column
    return found.saying(
        f"if you know whose clock it shows: format={zoned}, with its zone, and UtcTimestamp here"
    )


def _shows_clock(column: Proposed) -> bool:
    """Whether cells hold moments; those of midnight are read as days."""
    texts = column.profile.filled
    moments = texts.str.contains(_MOMENT)
    both = moments | texts.str.contains("^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
    return bool(moments.any()) and both.sum() >= len(texts) * ENOUGH


def _own_domain(column: Proposed, name: str, known: Mapping[str, Replacement]) -> Proposed:
    """Values that another contract masks in another way under this name are others."""
    if column.personal is None or column.name not in known:
        return column
    theirs = known[column.name]
    mine = column.mask or (Mask.IBAN if column.personal.iban else None)
    if mine is theirs.mask and (mine is not Mask.PATTERN or theirs.pattern == column.matches):
        return column
    return replace(column, domain=f"{name}_{column.name}").saying(
        f"another contract masks {column.name} in another way"
    )


def _doubtful(column: Proposed) -> bool:
    said = ("looks like days", "looks like numbers", "moments without", "nothing stands", "blanks")
    return any(remark.startswith(said) for remark in column.remarks)
