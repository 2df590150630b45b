"""The classes of clients and their limits, as a file of the reference rate limit service has them.

    domain: emporium
    descriptors:
      - key: role
        descriptors:
          - key: subject
            rate_limit: {name: client, unit: minute, requests_per_unit: 100}
      - key: role
        value: STAFF
        descriptors:
          - key: subject
            rate_limit: {name: staff, unit: minute, requests_per_unit: 1000}
      - key: limit
        value: login
        descriptors:
          - key: masked_remote_address
            rate_limit: {name: login, unit: minute, requests_per_unit: 5}

A descriptor without a `value` stands for any that no other names, each of which is a client with a
count of its own. Two of the same name share one limit, and the counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from server.limits.rules import Limit

SECONDS = {"second": 1, "minute": 60, "hour": 3_600}

Entries = Sequence[tuple[str, str]]  # keys and values
Pattern = tuple[tuple[str, str | None], ...]  # the same, or with any value


class UnknownClass(Exception):
    """Envoy asks about something that the file has no limit for."""


@dataclass(frozen=True)
class Classes:
    """The limits of one domain, by what Envoy sends: keys, with a value or (None) any."""

    domain: str
    limits: Mapping[Pattern, Limit]

    @cached_property
    def _by_keys(self) -> dict[tuple[str, ...], list[tuple[Pattern, Limit]]]:
        found: dict[tuple[str, ...], list[tuple[Pattern, Limit]]] = {}
        for pattern, limit in self.limits.items():
            found.setdefault(tuple(key for key, _ in pattern), []).append((pattern, limit))
        for each in found.values():  # the one that says most comes first
            each.sort(key=lambda one: sum(value is None for _, value in one[0]))
        return found

    def asked(self, domain: str, entries: Entries) -> tuple[Limit, str]:
        """The limit of a descriptor, and whose calls are counted. Raises `UnknownClass`."""
        keys = tuple(key for key, _ in entries)
        for pattern, limit in self._by_keys.get(keys, ()) if domain == self.domain else ():
            values = _matched(pattern, entries)
            if values is not None:
                return limit, "\n".join(values)
        names = ", ".join(f"{key}={value}" for key, value in entries)
        raise UnknownClass(f"no limit for {domain}: {names}")


def read(path: Path) -> Classes:
    """The classes in that file. Raises `ValueError` for one that is none, naming what is wrong."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        limits = dict(_limits(content["descriptors"], ()))
    except (KeyError, TypeError, yaml.YAMLError) as error:
        raise ValueError(f"{path} has no limits as they should be: {error!r}") from error
    if len({limit.name for limit in limits.values()}) < len({*limits.values()}):
        raise ValueError(f"{path}: two different limits have the same name")
    return Classes(content["domain"], limits)


def _limits(descriptors: list[dict[str, Any]], above: Pattern) -> Iterator[tuple[Pattern, Limit]]:
    for each in descriptors:
        pattern = (*above, (each["key"], each.get("value")))
        if "rate_limit" in each:
            said = each["rate_limit"]
            calls = int(said["requests_per_unit"])
            if calls < 1:
                raise ValueError(f"the limit {said['name']} allows {calls} calls: at least 1")
            yield pattern, Limit(said["name"], calls, SECONDS[said["unit"]])
        yield from _limits(each.get("descriptors", []), pattern)


def _matched(pattern: Pattern, entries: Entries) -> list[str] | None:
    """What stands where the pattern, of the same keys, takes any value; None if it is another."""
    found = []
    for (_, wanted), (_, value) in zip(pattern, entries, strict=True):
        if wanted not in (None, value):
            return None
        if wanted is None:
            found.append(value)
    return found
