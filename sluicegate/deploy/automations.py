"""Automations and channels on a Prefect server: how ours are written there, and read back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sluicegate.deploy.orchestrator import Automation, State
from sluicegate.errors import EnvironmentFailed

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import Automation as PrefectAutomation

BLOCK = "sluicegate-alerts"
"""Slug of the block type (``tasks.channels``) that Prefect finds by the package's entry point."""

PAGE = 200
ATTEMPTS = 3


def channel(client: SyncPrefectClient, name: str) -> State | None:
    """A channel with its secrets, if there is one of that name."""
    from prefect.exceptions import ObjectNotFound

    try:
        found = client.read_block_document_by_name(name, BLOCK, include_secrets=True)
    except ObjectNotFound:
        return None
    return dict(found.data)


def set_channel(name: str, state: State) -> None:
    """Create a channel or replace it, with its type if need be.

    Raises:
        EnvironmentFailed: the package is not installed as it should be.
    """
    from prefect.blocks.core import Block, UnknownBlockType
    from prefect.exceptions import ObjectAlreadyExists

    try:
        kind = Block.get_block_class_from_key(BLOCK)
    except UnknownBlockType as error:
        raise EnvironmentFailed(
            "This installation does not show Prefect how alerts are told.",
            where="entry point 'prefect.collections' of the package sluicegate",
            hint="install the package again: make deploy does, or pip install --editable .",
        ) from error
    for attempt in range(1, ATTEMPTS + 1):
        try:
            kind(**state).save(name, overwrite=True)
            return
        except ObjectAlreadyExists:
            # Another environment is deployed for the first time at the same moment, and the type
            # of the block belongs to both.
            if attempt == ATTEMPTS:
                raise


def automations(client: SyncPrefectClient, tag: str) -> list[Automation]:
    """Automations that carry a tag, oldest first."""
    from prefect.events.filters import AutomationFilter, AutomationFilterTags

    chosen = AutomationFilter(tags=AutomationFilterTags(all_=[tag]))
    found: list[PrefectAutomation] = []
    while True:
        page = client.read_automations(automations=chosen, limit=PAGE, offset=len(found))
        found += page
        if len(page) < PAGE:
            break
    names: dict[str, str] = {}
    return [Automation(str(each.id), each.name, _state(client, each, names)) for each in found]


def set_automation(client: SyncPrefectClient, number: str | None, name: str, state: State) -> None:
    """Replace an automation, or create one."""
    from uuid import UUID

    from prefect.events.schemas.automations import AutomationCore

    block = client.read_block_document_by_name(state["channel"], BLOCK, include_secrets=False)
    wanted = AutomationCore.model_validate(
        {
            "name": name,
            **{key: state[key] for key in ("description", "enabled", "tags")},
            "trigger": {"type": "event", **state["trigger"]},
            "actions": [
                {
                    "type": "send-notification",
                    "block_document_id": block.id,
                    "subject": state["subject"],
                    "body": state["body"],
                }
            ],
            "actions_on_trigger": [],
            "actions_on_resolve": [],
        }
    )
    if number is None:
        client.create_automation(wanted)
    else:
        client.update_automation(UUID(number), wanted)


def _state(
    client: SyncPrefectClient, found: PrefectAutomation, names: dict[str, str]
) -> dict[str, Any]:
    state: State = {
        "description": found.description,
        "enabled": found.enabled,
        "tags": found.tags,
        "trigger": _trigger(found),
    }
    others = [*found.actions_on_trigger, *found.actions_on_resolve]
    if len(found.actions) == 1 and not others:
        action = found.actions[0].model_dump(mode="json")
        if action["type"] == "send-notification":
            block = action["block_document_id"]
            if block not in names:
                names[block] = _name_of(client, block)
            told = {key: action[key] for key in ("subject", "body")}
            return {**state, "channel": names[block], **told}
    # Somebody gave it other actions. It is ours, and will be as it was.
    return {**state, "actions": [each.type for each in (*found.actions, *others)]}


def _trigger(found: PrefectAutomation) -> dict[str, Any]:
    trigger = found.trigger.model_dump(mode="python")
    if trigger["type"] != "event":
        return {"type": trigger["type"]}
    return {
        "posture": found.trigger.model_dump(mode="json")["posture"],
        "after": sorted(trigger["after"]),
        "expect": sorted(trigger["expect"]),
        "for_each": sorted(trigger["for_each"]),
        "match": _labels(trigger["match"]),
        "match_related": [_labels(each) for each in _as_list(trigger["match_related"])],
        "threshold": trigger["threshold"],
        "within": _seconds(trigger["within"]),
    }


def _labels(specification: Any) -> dict[str, Any]:
    """A match as it was written: Prefect turns each single value into a list of one."""
    return {
        label: values[0] if isinstance(values, list) and len(values) == 1 else values
        for label, values in dict(specification).items()
    }


def _as_list(related: Any) -> list[Any]:
    if isinstance(related, list):
        return related
    return [related] if related else []


def _seconds(within: timedelta | float) -> float:
    return within.total_seconds() if isinstance(within, timedelta) else float(within)


def _name_of(client: SyncPrefectClient, block: str) -> str:
    from uuid import UUID

    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_block_document(UUID(block), include_secrets=False).name or block
    except ObjectNotFound:
        return block
