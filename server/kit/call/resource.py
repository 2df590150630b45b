"""Notes which resource a call changes, so that its log line says so."""

from typing import Any, ClassVar

from server.kit.call.idempotency import IdempotencyKeys
from server.kit.call.layers import Gate
from server.kit.call.method import Method
from server.kit.call.validation import Validation
from server.kit.context import Context


class ResourceNote:
    """Sets `context.resource` of changes whose path names what is changed.

    It is read from the request that the servicer gets, and so cannot differ from what is changed.
    A create names its resource when it has answered; see `pipeline.py`.
    """

    # A field that breaks its rules may hold anything, also what no log should; and it reads the
    # request as the servicer gets it.
    inside_of: ClassVar[tuple[type, ...]] = (Validation, IdempotencyKeys)

    def gate(self, method: Method) -> Gate | None:
        """None for reads and creates."""
        if not method.names_what_it_changes:
            return None

        def note(request: Any, context: Context) -> None:
            context.resource = method.resource_of(request)

        return Gate(on_message=note)
