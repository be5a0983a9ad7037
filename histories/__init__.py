"""Decisions as their histories tell them, with no worker and no query.

`Histories` reads a history, a `Fold` takes its events in order, and what it comes to is a
`Reading`. `decision` says that as the API answers it. `encryption` is Temporal's codec.
"""
