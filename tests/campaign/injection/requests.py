"""A request to try one parameter with: good in all, and with a mark behind the one."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any
from urllib.parse import quote, urlencode

from tests.campaign.injection.parameters import (
    BODY,
    HEADER,
    PATH,
    QUERY,
    Json,
    Key,
    Operation,
    Parameter,
)

MARK = "*"  # as sqlmap has it

Value = Callable[[Parameter], Json]


@dataclass(frozen=True)
class Request:
    """As it goes over the wire."""

    verb: str
    target: str  # the path with the query
    headers: Mapping[str, str]
    body: str | None

    @property
    def unmarked(self) -> "Request":
        """The good one."""
        return replace(
            self,
            target=self.target.replace(MARK, ""),
            headers={name: text.replace(MARK, "") for name, text in self.headers.items()},
            body=self.body and self.body.replace(MARK, ""),
        )


def request(operation: Operation, wanted: Parameter, value: Value) -> Request:
    """One that has the wanted parameter, and of the others what it needs."""
    target, headers, query, body = operation.template, dict[str, str](), dict[str, str](), Body()
    for each in operation.with_(wanted):
        content = value(each)
        if each is wanted:
            content = _marked(content)
        if each.place == PATH:
            target = target.replace(f"{{{each.name}}}", quote(str(content), safe=MARK))
        elif each.place == QUERY:
            query[each.name] = str(content)
        elif each.place == HEADER:
            headers[each.name] = str(content)
        elif each.place == BODY:
            body.put(each.path[1:], content)
    if query:
        target += f"?{urlencode(query, safe=MARK)}"
    if operation.media_type:
        headers["Content-Type"] = operation.media_type
    return Request(operation.verb, target, headers, body.text(operation))


class Body:
    """Objects and lists, made as values are put into them."""

    def __init__(self) -> None:
        self._content: dict[Any, Any] = {}

    def put(self, path: tuple[Key, ...], value: Json) -> None:
        """Places it; in a list, at 0."""
        inner: Any = self._content
        for key, following in pairwise(path):
            fresh: Any = [None] if following == 0 else {}
            if isinstance(inner, dict):
                inner = inner.setdefault(key, fresh)
            else:
                inner[0] = inner[0] if inner[0] is not None else fresh
                inner = inner[0]
        inner[path[-1]] = value

    def text(self, operation: Operation) -> str | None:
        """As the operation takes it."""
        if not operation.media_type:
            return None
        if operation.is_form:
            return urlencode(self._content, safe=MARK)
        return json.dumps(self._content)


def _marked(value: Json) -> str:
    """The mark comes last, but within quotes, as those of an etag."""
    text = value if isinstance(value, str) else json.dumps(value)
    return f'{text[:-1]}{MARK}"' if text.endswith('"') else f"{text}{MARK}"
