"""What a build of the warehouse did: its models, its checks, and its steps while they happen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ModelStatus = Literal["built", "failed", "skipped"]
CheckStatus = Literal["pass", "warn", "fail", "skipped"]
CheckKind = Literal["data", "unit", "constraint"]


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the dbt project, as the build left it.

    Attributes:
        name: the model's name, which is its table's.
        schema: the schema it was built in.
        kind: how dbt materializes it: ``view``, ``table``, ``incremental``, ``snapshot``, ...
        status: ``built``; ``failed``, where its data broke one of its promises; or ``skipped``,
            because something it reads failed.
        seconds: wall time.
        rows: rows it holds now; None for a view, and where it was not built.
        id: what dbt knows it by.
        compiled_sql: the query that it is built from; None where there is none.
    """

    name: str
    schema: str
    kind: str
    status: ModelStatus
    seconds: float
    rows: int | None
    id: str = ""
    compiled_sql: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One promise that the project makes about its models, and whether it was kept.

    Attributes:
        name: the dbt test's name; for a constraint, the model's and the column's.
        kind: ``data``, a test of the rows; ``unit``, a test of the logic on rows of its own;
            ``constraint``, a promise that the data broke while the model was being built.
        status: ``pass``, ``warn``, ``fail``, or ``skipped`` because its model was not built.
        failures: rows that broke it; None where nothing was counted.
        model: the model it is about; None for a test that belongs to none.
        seconds: wall time.
        message: what dbt says about it.
        compiled_sql: the query that finds the rows, to be run on the branch; None for units.
        id: what dbt knows it by; for a constraint, what dbt knows its model by.
    """

    name: str
    kind: CheckKind
    status: CheckStatus
    failures: int | None
    model: str | None
    seconds: float
    message: str
    compiled_sql: str | None
    id: str


@dataclass(frozen=True, slots=True)
class Build:
    """Everything one build did on its branch.

    Attributes:
        models: every model of the project, in the order in which dbt came to them.
        checks: every check, in the same order.
        warnings: what dbt warned about, one line each; a healthy project has none.
        seconds: wall time of the whole build, reading the project included.
        unit_tests: whether the project's unit tests were to run.
    """

    models: tuple[Model, ...]
    checks: tuple[Check, ...]
    warnings: tuple[str, ...]
    seconds: float
    unit_tests: bool

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that were not kept: a reason to refuse the branch."""
        return tuple(check for check in self.checks if check.status == "fail")

    @property
    def complete(self) -> bool:
        """Whether every model was built and every check ran."""
        return all(model.status == "built" for model in self.models) and not any(
            check.status == "skipped" for check in self.checks
        )


@dataclass(frozen=True, slots=True)
class Step:
    """A model or a check that dbt has just begun or finished, for whoever shows progress.

    Attributes:
        name: of the model or the test.
        kind: ``model``, ``snapshot``, ``test`` or ``unit_test``, as dbt calls it.
        status: ``started``, or how it ended, in dbt's words: ``success``, ``pass``, ``fail``, ...
        seconds: wall time; None where it has only begun.
        done: how many models and checks of the build were finished, one way or the other.
        total: how many there are.
    """

    name: str
    kind: str
    status: str
    seconds: float | None
    done: int = 0
    total: int = 0
