"""No refusal of the edge repeats a value that it was sent."""

from typing import Any

import httpx
import pytest

CANARY = "hunter2222"
QUOTED = f'"{CANARY}"'


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        ("POST", f"/users?password={CANARY}", '{"password": "correct horse"}'),
        ("POST", "/users?password=correct+horse", f'{{"password": {QUOTED}}}'),
        ("POST", f"/users?age={CANARY}", "{}"),
        ("POST", f"/users?email={CANARY}", '{"email": "a"}'),
        ("PATCH", f"/users/{CANARY}", '{"user_id": "b"}'),
        ("PATCH", "/users/1", f'{{"user_id": {QUOTED}}}'),
        ("PATCH", f"/users/1?user_id={CANARY}", '{"user_id": "b"}'),
        ("GET", f"/users?per_page={CANARY}", None),
        ("GET", f"/users?page.x={CANARY}", None),
        ("GET", f"/users?colour={CANARY}", None),
        ("GET", f"/users?per_page=%00{CANARY}", None),
        ("POST", "/users", f'{{"age": {QUOTED}}}'),
        ("POST", "/users", f'{{"age": {{"{CANARY}": 1}}}}'),
        ("POST", "/users", f'{{"role": {QUOTED}}}'),
        ("POST", "/users", f'{{"email": {CANARY}}}'),
        ("POST", "/users", f'{{"email": [{QUOTED}]}}'),
        ("POST", "/users", f'{{"email": {{"a": {QUOTED}}}}}'),
        ("POST", "/users", f'{{"email": {QUOTED}'),
        ("POST", "/users", f'{{"email": "{CANARY}'),
        ("POST", "/users", f'{{"email": "{CANARY}\\u12"}}'),
        ("POST", "/users", f'{{"email": {QUOTED} {QUOTED}}}'),
        ("POST", "/users", f'{{"email" {QUOTED}}}'),
        ("POST", "/users", f"{QUOTED}"),
        ("POST", "/users", f"{CANARY}"),
        ("POST", "/users", f"[{QUOTED}]"),
        ("POST", "/users", f'{{"age": 1e999, "email": {QUOTED}}}'),
        ("POST", "/users", f'{{"age": 99999999999, "email": {QUOTED}}}'),
        ("POST", "/users", b'{"email": "' + CANARY.encode() + b'\xff"}'),
        ("POST", "/orders", f'{{"order_date": {QUOTED}}}'),
        ("POST", "/orders", f'{{"items": {QUOTED}}}'),
        ("POST", "/orders", f'{{"items": [{QUOTED}]}}'),
        ("POST", "/orders", f'{{"items": [{{"quantity": {QUOTED}}}]}}'),
        ("POST", "/orders", f'{{"shipping_address": {QUOTED}}}'),
        ("POST", "/events", f'{{"metadata": {QUOTED}}}'),
        ("PATCH", "/users/1", f'{{"update_mask": {{"{CANARY}": 1}}}}'),
        ("PATCH", "/users/1", '{"update_mask": ["' + CANARY + '"]}'),
        ("PATCH", "/users/1", f'{{"update_mask": "a,{CANARY} b"}}'),
    ],
)
async def test_no_refusal_repeats_a_value(
    signed_in: httpx.AsyncClient, verb: str, path: str, body: Any
) -> None:
    headers = {"content-type": "application/json"}
    answer = await signed_in.request(verb, f"/api/v1{path}", content=body, headers=headers)
    assert CANARY not in answer.text
