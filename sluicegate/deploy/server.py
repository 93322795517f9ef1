"""The Prefect server as an orchestrator.

With `automations` and `schedules`, the only module of the library that needs Prefect. It is
imported where it is used: by then the command has said which server is meant
(`client_environment`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sluicegate.deploy import automations
from sluicegate.deploy.orchestrator import Automation, Flow, Pool, State
from sluicegate.deploy.problems import nearest
from sluicegate.errors import ConfigurationError, EnvironmentFailed

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.objects import DeploymentSchedule
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.flows import Flow as PrefectFlow

PAGE = 200
DENIED = (401, 403)


class PrefectServer:
    """Speaks to the server that Prefect's settings name.

    Args:
        address: of its API, for messages.
    """

    def __init__(self, address: str) -> None:
        self._address = address

    @property
    def address(self) -> str:
        """Where it is, for messages."""
        return self._address

    def flow(self, project: Path, entrypoint: str) -> Flow:
        """Load a flow by running its file.

        Raises:
            ConfigurationError: there is none, or its file fails.
        """
        from prefect.exceptions import MissingFlowError, ScriptError
        from prefect.flows import load_flow_from_entrypoint
        from prefect.utilities.callables import parameter_schema

        path, _, function = entrypoint.partition(":")
        if not (project / path).is_file():
            raise ConfigurationError(f"there is no file {path!r} in the project")
        try:
            # By default Prefect puts up with a file that cannot be imported, and guesses.
            flow: PrefectFlow[..., Any] = load_flow_from_entrypoint(
                f"{project / entrypoint}", use_placeholder_flow=False
            )
        except MissingFlowError as error:
            raise ConfigurationError(f"{path!r} has no flow {function!r}") from error
        except ScriptError as error:
            cause = error.__cause__ or error
            raise ConfigurationError(
                f"{path!r} cannot be imported: {type(cause).__name__}: {cause}"
            ) from error
        schema = parameter_schema(flow).model_dump(exclude_unset=True)
        return Flow(flow.name, schema, partial(objection, schema))

    def pool(self, name: str) -> Pool | None:
        """A work pool, if there is one of that name."""
        from prefect.exceptions import ObjectNotFound

        with self._client() as client:
            try:
                found = client.read_work_pool(name)
            except ObjectNotFound:
                return None
        return Pool(found.name, found.type, found.is_paused)

    def create_pool(self, name: str, kind: str) -> None:
        """Create a work pool with the defaults of its kind."""
        from prefect.client.schemas.actions import WorkPoolCreate
        from prefect.exceptions import ObjectAlreadyExists
        from prefect.workers.process import ProcessWorker

        template = ProcessWorker.get_default_base_job_template()
        with self._client() as client:
            try:
                client.create_work_pool(
                    WorkPoolCreate(name=name, type=kind, base_job_template=template)
                )
            except ObjectAlreadyExists:
                # Somebody else deploys at the same time: whoever was first, it is there.
                return

    def state(self, flow: str, name: str) -> State | None:
        """A deployment as the server holds it, if it does."""
        from prefect.exceptions import ObjectNotFound

        with self._client() as client:
            try:
                return _state(client.read_deployment_by_name(f"{flow}/{name}"))
            except ObjectNotFound:
                return None

    def apply(self, flow: Flow, name: str, state: State) -> None:
        """Create a deployment, or replace it with all its schedules, in one step."""
        from prefect.client.schemas.objects import ConcurrencyOptions

        limit = state["concurrency_limit"]
        # The route that creates also replaces, schedules included, in one transaction. The one
        # that updates, which `prefect deploy` takes, keeps schedules that the file has no longer.
        with self._client() as client:
            client.create_deployment(
                flow_id=client.create_flow_from_name(flow.name),
                name=name,
                entrypoint=state["entrypoint"],
                version=state["version"],
                description=state["description"],
                tags=state["tags"],
                paused=state["paused"],
                parameters=state["parameters"],
                enforce_parameter_schema=state["enforce_parameter_schema"],
                parameter_openapi_schema=state["parameter_schema"],
                work_pool_name=state["work_pool"],
                work_queue_name=state["work_queue"],
                job_variables=state["job_variables"],
                pull_steps=state["pull_steps"],
                concurrency_limit=limit["limit"],
                concurrency_options=ConcurrencyOptions(
                    collision_strategy=limit["collision_strategy"],
                    grace_period_seconds=limit["grace_period_seconds"],
                ),
                schedules=[
                    _schedule(slug, schedule) for slug, schedule in state["schedules"].items()
                ],
            )

    def deployments_of(self, pool: str) -> list[str]:
        """Full names (``flow/name``) of the deployments that send their runs to a pool."""
        from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName

        chosen = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool]))
        names: list[str] = []
        with self._client() as client:
            while True:
                page = client.read_deployments(
                    work_pool_filter=chosen, limit=PAGE, offset=len(names)
                )
                names += [f"{client.read_flow(each.flow_id).name}/{each.name}" for each in page]
                if len(page) < PAGE:
                    return names

    def delete(self, full_name: str) -> None:
        """Delete a deployment."""
        with self._client() as client:
            client.delete_deployment(client.read_deployment_by_name(full_name).id)

    def channel(self, name: str) -> State | None:
        """How alerts reach people, as the server holds it, secrets included."""
        with self._client() as client:
            return automations.channel(client, name)

    def set_channel(self, name: str, state: State) -> None:
        """Create a channel, or replace it."""
        with self._understood():
            automations.set_channel(name, state)

    def automations(self, tag: str) -> list[Automation]:
        """Automations that carry a tag."""
        with self._client() as client:
            return automations.automations(client, tag)

    def set_automation(self, number: str | None, name: str, state: State) -> None:
        """Replace an automation, or create one where there is no number."""
        with self._client() as client:
            automations.set_automation(client, number, name, state)

    def delete_automation(self, number: str) -> None:
        """Delete an automation."""
        with self._client() as client:
            client.delete_automation(UUID(number))

    @contextmanager
    def _client(self) -> Iterator[SyncPrefectClient]:
        """A client whose failures speak our language."""
        from prefect.client.orchestration import get_client

        with self._understood(), get_client(sync_client=True) as client:
            yield client

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """Say in our language what went wrong between client and server."""
        from httpx import HTTPError
        from prefect.exceptions import PrefectHTTPStatusError

        try:
            yield
        except PrefectHTTPStatusError as error:
            status = error.response.status_code
            denied = status in DENIED
            raise EnvironmentFailed(
                f"The Prefect server answered with status {status}.",
                where=self.address,
                hint="name who asks: PREFECT_API_AUTH_STRING or PREFECT_API_KEY"
                if denied
                else "read the server's log, .sluicegate/logs/prefect.log if it runs here",
            ) from error
        except HTTPError as error:
            raise EnvironmentFailed(
                f"The Prefect server cannot be spoken to: {type(error).__name__}.",
                where=self.address,
                hint="is it up? sluicegate up, or make deploy",
            ) from error


def objection(schema: Mapping[str, Any], parameters: Mapping[str, Any]) -> str | None:
    """Why a flow with this schema cannot be called with these parameters, without their values."""
    from prefect.utilities.schema_tools.validation import validate

    known = schema.get("properties", {})
    if unknown := sorted(parameters.keys() - known.keys()):
        hints = "; ".join(nearest(name, list(known)) for name in unknown)
        return f"the flow has no parameter {', '.join(map(repr, unknown))}; {hints}"
    wrong = validate(dict(parameters), dict(schema), raise_on_error=False)
    return "; ".join(_unfit(error.absolute_path, known) for error in wrong) or None


def _unfit(path: Sequence[str | int], known: Mapping[str, Mapping[str, Any]]) -> str:
    if not path:
        return "the flow needs parameters that are not given"
    declared = known[str(path[0])].get("type")
    asked = f"is not the {declared}" if declared else "is not what"
    return f"{'.'.join(map(str, path))} {asked} that the flow asks for"


def _schedule(slug: str, schedule: Mapping[str, Any]) -> DeploymentScheduleCreate:
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule

    timing = {key: schedule[key] for key in ("cron", "timezone", "day_or")}
    return DeploymentScheduleCreate(
        slug=slug,
        schedule=CronSchedule(**timing),
        active=schedule["active"],
        parameters=schedule["parameters"],
    )


def _state(found: DeploymentResponse) -> State:
    limit = found.global_concurrency_limit
    options = found.concurrency_options
    return {
        "entrypoint": found.entrypoint,
        "version": found.version,
        "description": found.description,
        "tags": sorted(found.tags),
        "paused": found.paused,
        "parameters": found.parameters,
        "enforce_parameter_schema": found.enforce_parameter_schema,
        "parameter_schema": found.parameter_openapi_schema or {},
        "work_pool": found.work_pool_name,
        "work_queue": found.work_queue_name,
        "job_variables": found.job_variables,
        "pull_steps": found.pull_steps or [],
        "concurrency_limit": {
            "limit": limit.limit if limit else None,
            "collision_strategy": options.collision_strategy.value if options else None,
            "grace_period_seconds": options.grace_period_seconds if options else None,
        },
        "schedules": dict(_schedules(found.schedules)),
    }


def _schedules(found: list[DeploymentSchedule]) -> Iterator[tuple[str, dict[str, Any]]]:
    for position, schedule in enumerate(found):
        # Made in the user interface, or by a file that names none.
        slug = schedule.slug or f"without-slug-{position}"
        timing = schedule.schedule.model_dump(mode="json")
        yield slug, {**timing, "active": schedule.active, "parameters": schedule.parameters}


if TYPE_CHECKING:
    from sluicegate.deploy.orchestrator import Orchestrator

    _: Callable[[str], Orchestrator] = PrefectServer
