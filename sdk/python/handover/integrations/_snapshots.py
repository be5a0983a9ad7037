"""Reads a thread's checkpoint: whether it waits for people, and whether it can go on alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from ..exceptions import ConfigurationError

Config = Mapping[str, Any]

ADDRESSED = ("checkpoint_id", "checkpoint_ns", "checkpoint_map")
"""Keys of a config that name one checkpoint of a thread."""

ABANDONING = ("input", "update", "fork")
"""Sources of checkpoints that leave the step before them as it was, with its questions."""


def configurable(config: Config) -> dict[str, Any]:
    return dict(config.get("configurable") or {})


def thread_of(config: Config) -> str:
    """Return the thread's id. Raises `ConfigurationError` if none is named."""
    thread_id = configurable(config).get("thread_id")
    if not thread_id:
        raise ConfigurationError('The config names a thread: {"configurable": {"thread_id": …}}')
    return str(thread_id)


def at_head(config: Config) -> dict[str, Any]:
    """Return the config for the thread as it stands."""
    kept = {name: told for name, told in configurable(config).items() if name not in ADDRESSED}
    return {**config, "configurable": kept}


def is_head(config: Config, state: Any) -> bool:
    """Return whether the config names no other checkpoint than this one."""
    head = configurable(state.config).get("checkpoint_id")
    return configurable(config).get("checkpoint_id") in (None, head)


def check_is_head(config: Config, state: Any) -> None:
    """Check the config. Raises `ConfigurationError` if it names a checkpoint that is not this
    one."""
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
    """Return whether a node has raised. Its question is still reported then, and may have its
    answer: if that were sent once more, LangGraph would give it to the node's next question."""
    return any(task.error is not None or has_failed(_within(task)) for task in _tasks(state))


def is_behind(state: Any) -> bool:
    """Return whether a subgraph has gone further than its graph has noted, because the process
    died."""
    return {each.id for each in state.interrupts} != set().union(*map(asks, leaves(state)))


def leaves(state: Any) -> Iterator[Any]:
    """Yield the tasks without tasks of their own: those that ask."""
    for task in _tasks(state):
        inner = _within(task)
        yield from leaves(inner) if _tasks(inner) else (task,)


def asks(task: Any) -> set[str]:
    """Return the ids of the interrupts that a task waits for, even if it failed behind one."""
    return {each.id for each in task.interrupts}


def _within(task: Any) -> Any:
    return getattr(task, "state", None)


def _tasks(state: Any) -> tuple[Any, ...]:
    """Return the tasks; none of a subgraph of which only the config is known."""
    return getattr(state, "tasks", ())


def is_cut_off(state: Any, graph: Any, options: Config) -> bool:
    """Return whether a node has not finished although it waits for no person, or whether all have
    and the process died before that was a checkpoint.

    A static breakpoint looks like the former, and it is not ours to pass one.
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
    """Return whether the questions of the checkpoint before this one are no longer waited for."""
    metadata: Mapping[str, Any] = state.metadata or {}
    return metadata.get("source") in ABANDONING and state.parent_config is not None


def mark_of(state: Any) -> tuple[Any, ...]:
    """Return a mark that changes once somebody else has gone on with the thread."""
    head = configurable(state.config).get("checkpoint_id")
    return head, state.next, frozenset(each.id for each in state.interrupts)


def standing(state: Any) -> Any:
    """Return what `invoke` would return of the thread as it stands."""
    values: Any = state.values
    if not (state.interrupts and isinstance(values, dict)):
        return values
    return {**cast(dict[str, Any], values), "__interrupt__": list(state.interrupts)}
