"""Leaves a record of each call that the audit log keeps."""

from datetime import UTC, datetime
from functools import partial
from typing import ClassVar

from server.kit.audit.record import AuditRecord
from server.kit.audit.sink import AuditSink
from server.kit.call.audited import Audited
from server.kit.call.in_flight import InFlight
from server.kit.call.layers import Watch
from server.kit.call.method import Method, Rpc
from server.kit.call.request_id import RequestId
from server.kit.call.status import Refusal
from server.kit.context import Context


class Audit:
    """Gives `sink` the records, see `audited.py`. Health and reflection leave none.

    What most calls are, somebody reads or changes what is his own, costs a look at the outcome and
    at the caller's role.
    """

    # The id is what a record and the log have in common. A process that stops closes the sink when
    # nothing is in flight any more, so a call counts as ended when its record is left.
    inside_of: ClassVar[tuple[type, ...]] = (RequestId, InFlight)

    def __init__(self, sink: AuditSink | None = None) -> None:
        self._sink = sink

    def watch(self, rpc: Rpc) -> Watch:
        """Nothing, where there is no sink."""
        sink = self._sink
        if sink is None or not isinstance(rpc, Method):
            return Watch()
        audited = Audited(rpc)
        add, may_be_kept, record = sink.add, audited.may_be_kept, audited.record

        def on_start(context: Context) -> None:
            def describe() -> AuditRecord | None:
                return record(context, None, datetime.now(UTC))

            sink.begin(describe)

        def on_end(context: Context, outcome: Refusal | None) -> None:
            if may_be_kept(context, outcome):
                add(partial(record, context, outcome, datetime.now(UTC)))

        return Watch(on_start if audited.may_keep_changes else None, on_end)
