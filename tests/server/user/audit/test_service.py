"""The audit log through the user service's gRPC door: what is kept of which call."""

import uuid

from google.protobuf.timestamp_pb2 import Timestamp

from emporium.type.v1.role_pb2 import ADMIN, CUSTOMER, STAFF
from emporium.user.v1 import audit_service_pb2 as audits
from emporium.user.v1 import auth_service_pb2, email_link_service_pb2, session_service_pb2
from emporium.user.v1 import user_service_pb2 as users
from server.kit.audit.writer import AuditWriter
from server.kit.context import Role
from server.kit.postgres import Pool
from server.user.api_keys.rules import secret_of
from tests.server.conftest import Token
from tests.server.refusals import refused
from tests.server.user.api_keys.test_exchange import asking
from tests.server.user.api_keys.test_service import new
from tests.server.user.audit.conftest import Log
from tests.server.user.conftest import SignedIn
from tests.server.user.doors import PASSWORD, Door, create, new_email

FROM_AFAR = (("x-forwarded-for", "192.0.2.7"),)
USERS, AUTH = "emporium.user.v1.UserService", "emporium.user.v1.AuthService"


async def customer(anyone: Door, token: Token) -> Door:
    """Somebody who has opened an account with a password."""
    user = await anyone("CreateUser", create())
    return anyone.with_token(token("CUSTOMER", user.id), user.id)


async def test_a_login_is_kept(anyone: Door, log: Log) -> None:
    user = await anyone("CreateUser", create())
    login = auth_service_pb2.LoginRequest(email=user.email, password=PASSWORD)
    await anyone("Login", login, *FROM_AFAR, ("x-request-id", "the-login"))

    event = await log.one(subject=user.id, action=f"{AUTH}/Login")
    assert (event.outcome, event.actor_id, event.count) == ("OK", "", 1)
    assert not event.HasField("actor_role")
    assert (event.service, event.request_id) == ("user", "the-login")
    assert event.address == "192.0.2.7"
    assert event.device.startswith("grpc-python"), "what the test calls itself"
    assert event.first_at == event.last_at


async def test_a_login_that_is_refused_is_kept_of_the_account_that_was_tried(
    anyone: Door, log: Log
) -> None:
    user = await anyone("CreateUser", create())
    login = auth_service_pb2.LoginRequest(email=user.email.upper(), password="not this one")
    await refused(anyone("Login", login, *FROM_AFAR))
    event = await log.one(subject=user.id, outcome="bad_credentials")
    assert (event.action, event.address) == (f"{AUTH}/Login", "192.0.2.7")


async def test_of_a_login_without_an_account_no_address_book_is_made(
    anyone: Door, log: Log, user_pool: Pool
) -> None:
    email = new_email()
    login = auth_service_pb2.LoginRequest(email=email, password=PASSWORD)
    await refused(anyone("Login", login, *FROM_AFAR, ("x-request-id", "a-stranger")))
    failed = await log(outcome="BAD_CREDENTIALS")
    [event] = [each for each in failed if each.request_id == "a-stranger"]
    assert (event.actor_id, event.subject_id, event.address) == ("", "", "192.0.2.7")
    rows = await user_pool.fetch("SELECT audit_logs::text AS row FROM audit_logs")
    rows += await user_pool.fetch("SELECT audit_origins::text AS row FROM audit_origins")
    assert not [row for row in rows if email in row["row"] or "192.0.2.7" in row["row"]]
    assert [row for row in rows if event.id in row["row"]], "else nothing was looked at"


async def test_a_session_is_kept_from_refresh_to_logout(anyone: Door, log: Log) -> None:
    user = await anyone("CreateUser", create())
    login = auth_service_pb2.LoginRequest(email=user.email, password=PASSWORD)
    given = await anyone("Login", login)
    refresh = session_service_pb2.RefreshRequest(refresh_token=given.refresh_token)
    given = await anyone("Refresh", refresh)
    owner = anyone.with_token(given.access_token, user.id)
    await owner("ListSessions", session_service_pb2.ListSessionsRequest())
    other = await anyone("Login", login)
    await owner(
        "DeleteSession", session_service_pb2.DeleteSessionRequest(session_id=other.session_id)
    )
    await owner("Logout", session_service_pb2.LogoutRequest())
    spent = session_service_pb2.RefreshRequest(refresh_token=given.refresh_token)
    await refused(anyone("Refresh", spent))

    told = [
        (each.action.rpartition("/")[2], each.outcome)
        for each in reversed([*await log(subject=user.id), *await log(actor=user.id)])
    ]
    assert sorted(told) == [
        ("CreateUser", "OK"),
        ("DeleteSession", "OK"),
        ("Login", "OK"),
        ("Login", "OK"),
        ("Logout", "OK"),
        ("Refresh", "OK"),
        ("Refresh", "SESSION_ENDED"),
    ]
    [ended] = await log(actor=user.id, action="emporium.user.v1.SessionService/DeleteSession")
    assert ended.resource == f"/api/v1/auth/sessions/{other.session_id}"


async def test_a_change_is_listed_with_where_it_came_from_or_not_yet(
    admin_door: Door, anyone: Door, log: Log, audit: AuditWriter
) -> None:
    """It is kept with the change; its address is sealed a moment later, by a writer that waits."""
    user = await anyone("CreateUser", create())
    await audit.flush()
    await admin_door("SuspendUser", users.SuspendUserRequest(user_id=user.id), *FROM_AFAR)
    request = audits.ListAuditEventsRequest(subject=user.id)
    [created] = (await admin_door("ListAuditEvents", request)).audit_events
    assert created.action == f"{USERS}/CreateUser"
    suspended, _ = await log(subject=user.id)
    assert (suspended.action, suspended.address) == (f"{USERS}/SuspendUser", "192.0.2.7")


async def test_what_an_admin_does_to_others_is_kept(
    anyone: Door, admin_door: Door, log: Log
) -> None:
    user = await anyone("CreateUser", create())
    await admin_door("GetUser", users.GetUserRequest(user_id=user.id))
    await admin_door("SuspendUser", users.SuspendUserRequest(user_id=user.id))
    await admin_door("ReinstateUser", users.ReinstateUserRequest(user_id=user.id, request_id="k"))
    await admin_door("DeleteUser", users.DeleteUserRequest(user_id=user.id), *FROM_AFAR)
    kept = await log(actor=admin_door.user_id, subject=user.id)
    assert [each.action.rpartition("/")[2] for each in kept] == [
        "DeleteUser",
        "ReinstateUser",
        "SuspendUser",
        "GetUser",
    ]
    assert {(each.outcome, each.actor_role, each.resource) for each in kept} == {
        ("OK", ADMIN, f"/api/v1/users/{user.id}")
    }
    assert kept[0].address == "192.0.2.7", "it is the admin's, not of whoever was deleted"
    await admin_door("ListUsers", users.ListUsersRequest())
    listed = await log(actor=admin_door.user_id, action=f"{USERS}/ListUsers")
    assert [each.resource for each in listed] == ["/api/v1/users"]


async def test_what_is_ones_own_leaves_no_record(anyone: Door, log: Log, token: Token) -> None:
    owner = await customer(anyone, token)
    await owner("GetUser", users.GetUserRequest(user_id=owner.user_id))
    await owner("UpdateUser", users.UpdateUserRequest(user_id=owner.user_id, full_name="Bo"))
    await owner("ListSessions", session_service_pb2.ListSessionsRequest())
    assert not await log(actor=owner.user_id)
    await owner("DeleteUser", users.DeleteUserRequest(user_id=owner.user_id))
    assert (await log.one(actor=owner.user_id)).action == f"{USERS}/DeleteUser"


async def test_an_admin_of_his_own_account_is_anybody(admin_door: Door, log: Log) -> None:
    await admin_door("GetUser", users.GetUserRequest(user_id=admin_door.user_id.upper()))
    assert not await log(actor=admin_door.user_id, action=f"{USERS}/GetUser")


async def test_refusals_are_kept(anyone: Door, signed_in: SignedIn, log: Log, token: Token) -> None:
    owner, other = await signed_in(Role.CUSTOMER), await signed_in(Role.CUSTOMER)
    await refused(owner("GetUser", users.GetUserRequest(user_id=other.user_id)))
    await refused(owner("ListUsers", users.ListUsersRequest()))
    gone = anyone.with_token(token("ADMIN", str(uuid.uuid4())), "")
    await refused(gone("SuspendUser", users.SuspendUserRequest(user_id=other.user_id)))
    await refused(anyone("ListUsers", users.ListUsersRequest(), ("x-request-id", "nobody")))
    kept = {each.outcome: each for each in await log(actor=owner.user_id)}
    assert {*kept} == {"USER_NOT_FOUND", "PERMISSION_DENIED"}
    hidden = kept["USER_NOT_FOUND"]
    assert (hidden.subject_id, hidden.actor_role) == (other.user_id, CUSTOMER)
    assert (await log.one(outcome="ACCOUNT_INACTIVE", subject=other.user_id)).actor_role == ADMIN
    kept_of_nobody = await log(outcome="UNAUTHENTICATED", action=f"{USERS}/ListUsers")
    assert "nobody" in {each.request_id for each in kept_of_nobody}


async def test_what_is_only_wrong_is_no_refusal(signed_in: SignedIn, log: Log) -> None:
    owner = await signed_in(Role.CUSTOMER)
    await refused(owner("GetUser", users.GetUserRequest(user_id="nonsense")))
    await refused(owner("UpdateUser", users.UpdateUserRequest(user_id=owner.user_id)))
    assert [each.outcome for each in await log(actor=owner.user_id)] == ["USER_NOT_FOUND"]


async def test_a_flood_is_one_record(signed_in: SignedIn, log: Log) -> None:
    owner = await signed_in(Role.CUSTOMER)
    for _ in range(20):
        await refused(owner("GetUser", users.GetUserRequest(user_id=str(uuid.uuid4()))))
    newest, first = await log(actor=owner.user_id)
    assert (first.count, newest.count) == (1, 19)
    moments = [first.last_at, newest.first_at, newest.last_at]
    assert sorted(moments, key=Timestamp.ToNanoseconds) == moments
    assert newest.first_at != newest.last_at


async def test_the_record_of_a_change_is_committed_with_it(
    admin_door: Door, user_pool: Pool
) -> None:
    """Without what gathers the others: it is not flushed here."""
    user = await admin_door("CreateUser", create(password=None))
    await admin_door("SetUserRole", users.SetUserRoleRequest(user_id=user.id, role=STAFF))
    rows = await user_pool.fetch("SELECT action FROM audit_logs WHERE subject_id = $1", user.id)
    assert {row["action"] for row in rows} == {f"{USERS}/CreateUser", f"{USERS}/SetUserRole"}
    last = await refused(
        admin_door("SetUserRole", users.SetUserRoleRequest(user_id=user.id, etag="7", role=STAFF))
    )
    assert last.reason == "ETAG_MISMATCH"
    rows = await user_pool.fetch("SELECT action FROM audit_logs WHERE subject_id = $1", user.id)
    assert len(rows) == 2, "the change was rolled back, and its record with it"


async def test_what_erasure_leaves_is_ids(
    anyone: Door, admin_door: Door, log: Log, user_pool: Pool
) -> None:
    user = await anyone("CreateUser", create(), *FROM_AFAR)
    login = auth_service_pb2.LoginRequest(email=user.email, password="not this one")
    await refused(anyone("Login", login, *FROM_AFAR))
    assert (await log.one(subject=user.id, outcome="bad_credentials")).address == "192.0.2.7"

    await admin_door("DeleteUser", users.DeleteUserRequest(user_id=user.id))
    kept = [each for each in await log(subject=user.id) if each.actor_id != admin_door.user_id]
    assert len(kept) == 2
    assert {(each.address, each.device) for each in kept} == {("", "")}
    assert not await user_pool.fetch("SELECT FROM audit_keys WHERE holder = $1", user.id)


async def test_a_new_password_by_mail_is_kept_of_nobody_where_the_token_is_none(
    anyone: Door, log: Log
) -> None:
    request = email_link_service_pb2.ResetPasswordRequest(token="x" * 43, password=PASSWORD * 2)
    await refused(anyone("ResetPassword", request, ("x-request-id", "a-guess")))
    kept = await log(outcome="ONE_TIME_TOKEN_INVALID")
    assert "a-guess" in {each.request_id for each in kept}


async def test_an_api_key_that_is_tried_names_its_account_whatever_the_secret(
    anyone: Door, signed_in: SignedIn, log: Log
) -> None:
    owner = await signed_in(Role.CUSTOMER)
    key = await owner("CreateApiKey", new())
    wrong = ("guessed", secret_of(key.id, bytes(32)), key.secret[:-1])
    for secret in wrong:
        await refused(anyone("ExchangeApiKey", asking(key, client_secret=secret), *FROM_AFAR))
    nobody = asking(key, client_id=str(uuid.uuid4()), client_secret=key.secret)
    await refused(anyone("ExchangeApiKey", nobody, *FROM_AFAR))
    tried = await log(subject=owner.user_id, outcome="INVALID_CLIENT")
    assert sum(event.count for event in tried) == len(wrong)
