"""The two kinds of layer that a call runs through.

A *watcher* reports: it sees the call begin and end, and never changes its course.
A *guard* refuses: it looks at the call or at a message, and raises.

Each names in `inside_of` the layers whose work it builds upon. A pipeline that has one of them
further in is refused when it is made.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

from google.protobuf.message import Message

from server.kit.call.method import Method, Rpc
from server.kit.call.status import Refusal
from server.kit.context import Context


class Watch(NamedTuple):
    """What a watcher does for one method; either part may be missing.

    An outcome of None is success.
    """

    on_start: Callable[[Context], None] | None = None
    on_end: Callable[[Context, Refusal | None], None] | None = None


class Gate(NamedTuple):
    """What a gate does for one method; each part may be missing.

    `on_call` runs once, before anything is read. `on_message` runs for each request message.
    `before_handler` runs once, last of all, when nothing that can be told without waiting is wrong:
    it may have to ask somebody. It gets what the handler gets. Methods without one pay nothing.
    """

    on_call: Callable[[Context], None] | None = None
    on_message: Callable[[Message, Context], None] | None = None
    before_handler: Callable[[Any, Context], Awaitable[None]] | None = None


class Watcher(Protocol):
    """Reports on calls."""

    inside_of: ClassVar[tuple[type, ...]]

    def watch(self, rpc: Rpc) -> Watch:
        """What to do at the start and the end of each call of `rpc`."""


class Guard(Protocol):
    """Refuses calls."""

    inside_of: ClassVar[tuple[type, ...]]

    def gate(self, method: Method) -> Gate | None:
        """What to check for each call of `method`; None when there is nothing to check."""


class WrongOrder(Exception):
    """A layer stands outside of one that must stand outside of it."""


def check_order(layers: Sequence[Watcher | Guard]) -> None:
    """Raises `WrongOrder` unless every one of `layers`, outermost first, is where it may be."""
    for n, layer in enumerate(layers):
        for further_in in layers[n + 1 :]:
            if isinstance(further_in, layer.inside_of):
                names = type(further_in).__name__, type(layer).__name__
                raise WrongOrder("{} must stand outside of {}".format(*names))


class Watches:
    """What all watchers do for one rpc: the outermost begins first and ends last."""

    def __init__(self, watchers: Iterable[Watcher], rpc: Rpc) -> None:
        watches = [watcher.watch(rpc) for watcher in watchers]
        self._on_start = [watch.on_start for watch in watches if watch.on_start]
        self._on_end = [watch.on_end for watch in reversed(watches) if watch.on_end]

    def start(self, context: Context) -> None:
        """The call begins."""
        for on_start in self._on_start:
            on_start(context)

    def end(self, context: Context, outcome: Refusal | None) -> None:
        """The call has ended; an outcome of None is success."""
        for on_end in self._on_end:
            on_end(context, outcome)
