"""The order in which every call runs through the layers, and why.

Where the order matters, the layer itself says so in `inside_of`, and a pipeline in another order is
refused.
"""

from server.kit.audit.sink import AuditSink
from server.kit.auth import Tokens
from server.kit.call.access import AccessRules
from server.kit.call.ascii_headers import AsciiHeaders
from server.kit.call.audit import Audit
from server.kit.call.authentication import Authentication
from server.kit.call.edge_headers import EdgeHeaders
from server.kit.call.idempotency import IdempotencyKeys
from server.kit.call.in_flight import InFlight
from server.kit.call.logging import CallLog
from server.kit.call.media_types import MediaTypes
from server.kit.call.metrics import CallMetrics
from server.kit.call.peers import Peers
from server.kit.call.pipeline import Pipeline
from server.kit.call.request_id import RequestId
from server.kit.call.resource import ResourceNote
from server.kit.call.rest_names import RestNames
from server.kit.call.validation import Validation
from server.kit.standing import Accounts


def pipeline(
    verifier: Tokens,
    metrics: CallMetrics,
    in_flight: InFlight,
    deadline_seconds: float,
    key_secret: bytes = b"",
    accounts: Accounts | None = None,
    audit: AuditSink | None = None,
    peers: frozenset[str] | None = None,
) -> Pipeline:
    """Whatever reports stands outside whatever refuses, so that refusals are reported too.

    `key_secret` is what requests with a secret field are hashed with, see `IdempotencyKeys`.
    `accounts` are asked where an rpc is declared `fresh`, see `AccessRules`; that comes after every
    guard, because it may wait. `audit` takes the records of the audit log. `peers` are who may
    connect, see `Peers`.
    """
    return Pipeline(
        watchers=(
            RequestId(),  # first, because everything after it speaks of the call by this id
            CallLog(),
            metrics,
            in_flight,
            Audit(audit),  # ends before `in_flight` does: who waits for calls waits for records
        ),
        # Between the two stand the error table and the deadline, which are the pipeline's own.
        guards=(
            Peers(peers),  # who hands the call on, before anything of it is believed
            AsciiHeaders(),  # before anybody reads one
            Authentication(verifier),  # who calls, before anything is said about the request
            AccessRules(accounts),  # before validation, which would tell anybody about the fields
            MediaTypes(),  # before a body counts as what the transcoder has read in it
            RestNames(),  # before anything trusts what a path, a query or a body says
            EdgeHeaders(),  # completes the request, so that validation sees all of it
            Validation(),  # servicers meet only requests that keep the contract's rules
            IdempotencyKeys(key_secret),  # hashes the request as the servicer gets it
            ResourceNote(),  # of what has been found sound
        ),
        deadline_seconds=deadline_seconds,
    )
