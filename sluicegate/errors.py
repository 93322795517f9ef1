"""Everything that can go wrong, sorted by whose move it is.

    SluicegateError
    ├── DataRefused            3  the data broke a promise; nothing was published
    │   ├── BatchRefused          one batch cannot be taken in at all; it is held
    │   └── AuditFailed           the branch was built, but a check on it failed
    ├── ConfigurationError     2  what you wrote (settings, contract, command) is wrong
    │   ├── UnknownName           no such environment, source, ref or generation
    │   └── ContractError         a contract that cannot be loaded, or cannot mean what it says
    ├── EnvironmentFailed      4  the machine, the network or a service let us down
    │   ├── ProviderFailed        a third party did not answer, or not as agreed
    │   ├── BranchBusy            somebody else is writing on this branch
    │   └── RefMoved              the ref moved while this run worked, again and again
    ├── GateRefused            5  a plan or a gate said no
    └── Bug                    1  ours: please report it

The number is the exit code of the console command. A message says what happened; ``where`` says
on which file, table or row; ``hint`` says what to do next. Neither carries a secret or a personal
datum: quote positions and rule names, never values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

_MOST = 12
"""Names that a hint lists."""


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Names that come nearest to one that is not among them, whatever their case."""
    folded: dict[str, list[str]] = {}
    for each in sorted(set(known)):
        folded.setdefault(each.casefold(), []).append(each)
    near = get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)
    return [each for fold in near for each in folded[fold]][:3]


def meant(name: str, known: Iterable[str], *, none: str | None = None) -> str | None:
    """The hint for a name that is not known: the nearest ones, else some that are.

    Args:
        none: what to say where there is nothing to choose from.
    """
    names = sorted(set(known))
    if near := nearest(name, names):
        return f"did you mean {' or '.join(map(repr, near))}?"
    more = f", … and {len(names) - _MOST:,} more" if len(names) > _MOST else ""
    return f"known: {', '.join(names[:_MOST])}{more}" if names else none


class SluicegateError(Exception):
    """Base of every error that a user may meet.

    Args:
        message: what happened, in one sentence.
        where: file, line, column or table it happened at.
        hint: what to do next.
        result: what a command found all the same; programs are told it with the error, as one.
    """

    exit_code: int = 1

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        hint: str | None = None,
        result: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        self.result = result

    def __str__(self) -> str:
        lines = [self.message]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.hint:
            lines.append(f"  next:  {self.hint}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments are lost by the default protocol when an error crosses a process.
        return (_rebuild, (type(self), self.message, self.where, self.hint, self.result))


def _rebuild(
    kind: type[SluicegateError],
    message: str,
    where: str | None,
    hint: str | None,
    result: Mapping[str, object] | None,
) -> SluicegateError:
    return kind(message, where=where, hint=hint, result=result)


class DataRefused(SluicegateError):
    """The data broke a promise; nothing was published."""

    exit_code = 3


class BatchRefused(DataRefused):
    """One batch cannot be taken in at all; it is held until it is fixed."""


class AuditFailed(DataRefused):
    """The branch was built, but a check on it failed."""


class ConfigurationError(SluicegateError):
    """What you wrote (settings, contract, command line) is wrong."""

    exit_code = 2


class UnknownName(ConfigurationError):
    """No such environment, source, ref or generation."""

    @classmethod
    def of(
        cls, kind: str, name: str, known: Iterable[str], *, where: str | None = None
    ) -> UnknownName:
        """Build the error with the names that come nearest to what was asked for."""
        hint = meant(name, known, none=f"there is no {kind} yet")
        return cls(f"There is no {kind} called {name!r}.", where=where, hint=hint)


class ContractError(ConfigurationError):
    """A contract that cannot be loaded, or cannot mean what it says."""


class EnvironmentFailed(SluicegateError):
    """The machine, the network or a service let us down."""

    exit_code = 4


class ProviderFailed(EnvironmentFailed):
    """A third party did not answer, or not as agreed."""


class BranchBusy(EnvironmentFailed):
    """Somebody else is writing on this branch."""


class RefMoved(EnvironmentFailed):
    """The ref moved while this run worked."""


class GateRefused(SluicegateError):
    """A plan or a gate said no."""

    exit_code = 5


class Bug(SluicegateError):
    """Ours: please report it."""
