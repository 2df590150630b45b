"""One operation of the document: one way to call one rpc by REST."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from server.contract import access
from server.contract.openapi import comments, headers, reasons, responses
from server.contract.openapi.answers import Answers
from server.contract.openapi.links import Links
from server.contract.openapi.names import operation_id, path_fields
from server.contract.openapi.reasons import Reason
from server.contract.openapi.requests import Requests
from server.contract.rpcs import Binding, Rpc

Operation = dict[str, Any]

_RAW = "google.api.HttpBody"
# What comes as it is from a program that signs it.
_JSON = {"application/json": {"schema": {"type": "object"}}}
# RFC 6749, section 4.4.2: what the token endpoint takes. The contract has it as bytes.
_OAUTH_FORM = {
    "type": "object",
    "properties": {
        "grant_type": {"type": "string", "const": "client_credentials"},
        "scope": {"type": "string", "description": "Where the token shall not reach all."},
        "client_id": {"type": "string"},
        "client_secret": {"type": "string", "format": "password"},
    },
    "required": ["grant_type"],
}


@dataclass(frozen=True)
class Operations:
    """Makes operations, and collects what they refer to."""

    comments: Mapping[str, str]
    known: Mapping[str, Reason]
    answers: Answers
    requests: Requests
    links: Mapping[str, Links]  # of rpcs, by their paths
    refusals: dict[str, Any]  # answers, by the names that references have for them

    def make(self, rpc: Rpc, binding: Binding, siblings: Mapping[str, Rpc]) -> Operation:
        """The operation of `binding`; `siblings` are the rpcs of the same service, by name."""
        request: Any = self.requests.pool.FindMessageTypeByName(rpc.request)
        response: Any = self.answers.pool.FindMessageTypeByName(rpc.response)
        comment = self.comments.get(f"{rpc.service}.{rpc.name}", "")
        summary, rest = comments.first_sentence(comment)
        body = self._body(rpc, binding, request)
        may_refuse = reasons.of_rpc(rpc, siblings, self.known, self.comments)
        return {
            "operationId": operation_id(rpc, binding),
            "summary": summary,
            "description": "\n\n".join(filter(None, [rest, _who(rpc)])),
            "tags": [rpc.service.rpartition(".")[2]],
            **({"deprecated": True} if rpc.deprecated else {}),
            "security": list(_security(rpc)),
            "parameters": [
                *self._in_path(rpc, request),
                *self._in_query(rpc, binding, request),
                *headers.taken(rpc, request, response),
            ],
            **({"requestBody": body} if body else {}),
            "responses": responses.of_success(rpc, self.answers, self.links.get(rpc.path, {}))
            | responses.of_refusals(rpc, may_refuse, self.refusals),
            **({"x-emporium-rate-limit": rpc.limit} if rpc.limit else {}),
        }

    def _in_path(self, rpc: Rpc, request: Any) -> Iterator[Operation]:
        for name in _said_by_paths(rpc):
            yield {"name": name, "in": "path", "required": True} | self._parameter(request, name)

    def _in_query(self, rpc: Rpc, binding: Binding, request: Any) -> Iterator[Operation]:
        """What neither path nor body says. A secret has no place in a query."""
        if binding.body == "*" or request.full_name == _RAW:
            return
        required = self.requests.required(request)
        elsewhere = {*_said_by_paths(rpc), binding.body}
        for field in request.fields:
            if field.name in elsewhere or field.GetOptions().debug_redact:
                continue
            needed = {"required": True} if field.name in required else {}
            yield (
                {"name": field.name, "in": "query"} | needed | self._parameter(request, field.name)
            )

    def _parameter(self, request: Any, name: str) -> Operation:
        schema = self.requests.of_field(request.fields_by_name[name])
        described = {key: schema.pop(key) for key in ("description", "deprecated") if key in schema}
        return described | {"schema": schema}

    def _body(self, rpc: Rpc, binding: Binding, request: Any) -> Operation | None:
        if not binding.body:
            return None
        if request.full_name == _RAW:
            return _raw(rpc)
        if binding.body != "*":
            field = request.fields_by_name[binding.body]
            if field.message_type is not None and field.message_type.full_name == _RAW:
                return {"required": True, "content": _JSON}
            content = {"application/json": {"schema": self.requests.of_field(field)}}
            return {"required": binding.body in self.requests.required(request), "content": content}
        schema = self.requests.of_body(request, _said_by_paths(rpc))
        required = bool(set(self.requests.required(request)) - set(_said_by_paths(rpc)))
        return {"required": required, "content": {"application/json": {"schema": schema}}}


def _said_by_paths(rpc: Rpc) -> list[str]:
    """The fields that the paths of `rpc` say, which nothing else may."""
    found = (path_fields(binding) for binding in rpc.bindings)
    return list(dict.fromkeys(name for names in found for name in names))


def _raw(rpc: Rpc) -> Operation:
    if "oauth_errors" in rpc.bare:
        form = {"application/x-www-form-urlencoded": {"schema": _OAUTH_FORM}}
        return {"required": True, "content": form}
    return {"required": True, "content": {"*/*": {"schema": {}}}}


def _security(rpc: Rpc) -> Iterator[dict[str, list[str]]]:
    if rpc.access.takes_basic:
        yield {"basic": []}
    if rpc.public:
        yield {}
    yield {"bearer": []}
    if rpc.scope:
        yield {"oauth2": [rpc.scope]}


def _who(rpc: Rpc) -> str:
    said = [f"Who may call: {access.who(rpc)}."]
    if rpc.scope:
        said.append(f"An API key needs the scope `{rpc.scope}`.")
    elif not rpc.access.takes_basic:
        said.append("No API key may.")
    if rpc.limit:
        said.append(f"There is a limit of its own, `{rpc.limit}`.")
    return " ".join(said)
