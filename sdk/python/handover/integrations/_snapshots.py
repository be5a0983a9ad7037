"""What a thread's checkpoint tells: whether it waits for people, and whether it can go on alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from ..exceptions import ConfigurationError

Config = Mapping[str, Any]

ADDRESSED = ("checkpoint_id", "checkpoint_ns", "checkpoint_map")
"""What in a config names one checkpoint of a thread."""

ABANDONING = ("input", "update", "fork")
"""Sources of checkpoints that leave the step before them as it was, with what it asked."""


def configurable(config: Config) -> dict[str, Any]:
    return dict(config.get("configurable") or {})


def thread_of(config: Config) -> str:
    """Raises `ConfigurationError` where none is named."""
    thread_id = configurable(config).get("thread_id")
    if not thread_id:
        raise ConfigurationError('The config names a thread: {"configurable": {"thread_id": …}}')
    return str(thread_id)


def at_head(config: Config) -> dict[str, Any]:
    """The same for the thread as it stands."""
    kept = {name: told for name, told in configurable(config).items() if name not in ADDRESSED}
    return {**config, "configurable": kept}


def is_head(config: Config, state: Any) -> bool:
    """Whether the config names no other checkpoint than this one."""
    head = configurable(state.config).get("checkpoint_id")
    return configurable(config).get("checkpoint_id") in (None, head)


def check_is_head(config: Config, state: Any) -> None:
    """Raises `ConfigurationError` where the config names a checkpoint that is not this one."""
    if configurable(config).get("checkpoint_ns"):
        raise ConfigurationError(
            "checkpoint_ns names a subgraph's checkpoint, and what goes on is the whole thread:"
            " give a config with its thread_id alone"
        )
    if not is_head(config, state):
        raise ConfigurationError(
            "checkpoint_id names a checkpoint that the thread has left behind, and what it asked"
            " was answered, or is not needed any more. To go on with the thread, give a config"
            " without it; `run(None, config)` goes back to it, and people are asked anew"
        )


def has_failed(state: Any) -> bool:
    """Whether a node has raised. Its question is still told then, and may have its answer: sent
    once more, LangGraph would give it to whatever the node asks next."""
    return any(task.error is not None or has_failed(_within(task)) for task in _tasks(state))


def is_behind(state: Any) -> bool:
    """Whether a subgraph has gone further than its graph has noted, because the process died."""
    return {each.id for each in state.interrupts} != set().union(*map(asks, leaves(state)))


def leaves(state: Any) -> Iterator[Any]:
    """The tasks that are no subgraphs with tasks of their own: those that ask."""
    for task in _tasks(state):
        inner = _within(task)
        yield from leaves(inner) if _tasks(inner) else (task,)


def asks(task: Any) -> set[str]:
    """The ids of the interrupts that a task waits for, also where it failed behind one."""
    return {each.id for each in task.interrupts}


def _within(task: Any) -> Any:
    return getattr(task, "state", None)


def _tasks(state: Any) -> tuple[Any, ...]:
    """None where a subgraph is told by its config alone."""
    return getattr(state, "tasks", ())


def is_cut_off(state: Any, graph: Any, options: Config) -> bool:
    """Whether a node has not finished, and no person is what it waits for; or all have, and the
    process died before that was a checkpoint.

    A static breakpoint looks like the former, and to pass one is not ours.
    """
    if state.tasks and not state.next:
        return True
    stops = [getattr(graph, f"interrupt_{when}_nodes", ()) for when in ("before", "after")]
    stops += [options.get(f"interrupt_{when}") for when in ("before", "after")]
    return not any(stops) and any(
        task.name in state.next and not task.interrupts and task.result is None
        for task in state.tasks
    )


def abandons(state: Any) -> bool:
    """Whether what the checkpoint before this one asked is not waited for any more."""
    metadata: Mapping[str, Any] = state.metadata or {}
    return metadata.get("source") in ABANDONING and state.parent_config is not None


def mark_of(state: Any) -> tuple[Any, ...]:
    """Another one once somebody else has gone on with the thread."""
    head = configurable(state.config).get("checkpoint_id")
    return head, state.next, frozenset(each.id for each in state.interrupts)


def standing(state: Any) -> Any:
    """What `invoke` would return of the thread as it stands."""
    values: Any = state.values
    if not (state.interrupts and isinstance(values, dict)):
        return values
    return {**cast(dict[str, Any], values), "__interrupt__": list(state.interrupts)}
