"""What people and admins do to accounts, one after the other, beside a model of what must follow.

The model is what the contract says, and no more: of an account its password, role and status, and
of each session the chain of its refresh tokens.
"""

import time

import grpc
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)

from emporium.type.v1 import role_pb2
from emporium.user.v1 import auth_service_pb2 as auth_pb
from emporium.user.v1 import email_link_service_pb2 as link_pb
from emporium.user.v1 import session_service_pb2 as session_pb
from emporium.user.v1 import user_service_pb2 as pb
from server.user.email_links.rules import LINKS_MAX
from server.user.sessions.rules import REPEAT_SECONDS
from tests.server.user.doors import Door, create
from tests.server.user.journey_model import DONE, Account, Session, Shop, reason

ROLES = ("CUSTOMER", "STAFF", "ADMIN")
PASSWORDS = ("correct horse battery", "staple of the year", "pferd\u0041\u030a batterie")
TYPED = (None, *PASSWORDS)  # None: the right one


class Journeys(RuleBasedStateMachine):
    """The steps. `shop` is set by a subclass."""

    shop: Shop
    accounts = Bundle("accounts")
    sessions = Bundle("sessions")

    def __init__(self) -> None:
        super().__init__()
        self.known: list[Account] = []

    @initialize(target=accounts)
    def begin(self) -> Account:
        return self.sign_up_with(PASSWORDS[0])

    @rule(target=accounts, password=st.sampled_from(PASSWORDS))
    def sign_up(self, password: str) -> Account:
        return self.sign_up_with(password)

    def sign_up_with(self, password: str) -> Account:
        user = self.shop.call(self.shop.anyone, "CreateUser", create(password=password))
        account = Account(user.id, user.email, password)
        assert (user.role, user.email_verified) == (role_pb2.CUSTOMER, False)
        self.known.append(account)
        self.shop.settle()  # a mail that waits is not sent to an account that is shut meanwhile
        return account

    @rule(account=accounts)
    def verify(self, account: Account) -> None:
        mails = [mail for mail in self.shop.mailbox.mails if mail["To"] == account.email]
        text = str(mails[0].get_content())
        token = text.partition("Token: ")[2].split()[0]
        found = self.shop.call(
            self.shop.anyone, "VerifyEmail", link_pb.VerifyEmailRequest(token=token)
        )
        first = not account.is_link_used and account.may_sign_in
        assert reason(found) == (DONE if first else "ONE_TIME_TOKEN_INVALID")
        account.is_link_used |= first
        account.is_verified |= first

    @rule(target=sessions, account=accounts, password=st.sampled_from(TYPED))
    def login(self, account: Account, password: str | None) -> Session | MultipleResults[Session]:
        typed = password or account.password
        request = auth_pb.LoginRequest(email=account.email.upper(), password=typed)
        found = self.shop.call(self.shop.anyone, "Login", request)
        if not account.may_sign_in or typed != account.password:
            assert reason(found) == "BAD_CREDENTIALS"
            return multiple()
        session = Session(account, found.session_id, [found.refresh_token], found.access_token)
        account.sessions.append(session)
        return session

    @rule(session=sessions, back=st.sampled_from((0, 0, 0, 1, 1, 2)))
    def refresh(self, session: Session, back: int) -> None:
        account = session.account
        if back >= len(session.tokens):
            return
        began = time.monotonic()
        request = session_pb.RefreshRequest(refresh_token=session.tokens[-1 - back])
        found = self.shop.call(self.shop.anyone, "Refresh", request)
        if not account.may_sign_in:
            assert reason(found) == "ACCOUNT_INACTIVE"
        elif not session.is_alive:
            assert reason(found) == "SESSION_ENDED"
        elif back == 0:
            session.tokens.append(found.refresh_token)
            session.access, session.spent_at = found.access_token, began
        elif back == 1 and reason(found) == DONE:  # a repeat, of which nothing new comes
            assert found.refresh_token == session.tokens[-1]
        else:
            late = time.monotonic() - session.spent_at > REPEAT_SECONDS - 1
            assert back > 1 or late
            assert reason(found) == "REFRESH_TOKEN_REUSED"
            session.is_alive = False

    @rule(session=sessions, other=st.integers(0, 3))
    def revoke(self, session: Session, other: int) -> None:
        account = session.account
        if not session.is_alive:
            return
        ended = account.sessions[other % len(account.sessions)]
        request = session_pb.DeleteSessionRequest(session_id=ended.id)
        found = self.shop.call(self.door(session), "DeleteSession", request)
        assert reason(found) == (DONE if ended.is_alive else "SESSION_NOT_FOUND")
        ended.is_alive = False

    @rule(session=sessions)
    def logout(self, session: Session) -> None:
        if session.is_alive:
            door = self.door(session)
            assert reason(self.shop.call(door, "Logout", session_pb.LogoutRequest())) == DONE
            session.is_alive = False

    @rule(
        session=sessions, typed=st.sampled_from((None, *PASSWORDS)), new=st.sampled_from(PASSWORDS)
    )
    def change_password(self, session: Session, typed: str | None, new: str) -> None:
        account = session.account
        if not session.is_alive:
            return
        request = auth_pb.ChangePasswordRequest(
            current_password=typed or account.password, password=new
        )
        found = self.shop.call(self.door(session), "ChangePassword", request)
        if typed not in (None, account.password):
            assert reason(found) == "WRONG_PASSWORD"
            return
        assert reason(found) == DONE
        account.password = new
        account.end_sessions(but=session)
        self.shop.settle()

    @rule(account=accounts, new=st.sampled_from(PASSWORDS))
    def set_password_by_mail(self, account: Account, new: str) -> None:
        before = self.links_to_a_password(account)
        request = link_pb.ForgotPasswordRequest(email=account.email)
        assert reason(self.shop.call(self.shop.anyone, "ForgotPassword", request)) == DONE
        self.shop.settle()
        links = self.links_to_a_password(account)
        assert (len(links) > len(before)) == (account.may_sign_in and len(before) < LINKS_MAX)
        if len(links) == len(before):
            return
        token = links[-1].partition("Token: ")[2].split()[0]
        reset = link_pb.ResetPasswordRequest(token=token, password=new)
        found = self.shop.call(self.shop.anyone, "ResetPassword", reset)
        assert reason(found) == DONE
        account.password = new
        account.is_verified = account.is_password_proven = True
        account.end_sessions()
        self.shop.settle()

    def links_to_a_password(self, account: Account) -> list[str]:
        mails = [each for each in self.shop.mailbox.mails if each["To"] == account.email]
        return [str(each.get_content()) for each in mails if "Set a new" in each["Subject"]]

    @rule(account=accounts)
    def suspend(self, account: Account) -> None:
        found = self.shop.call(
            self.shop.admin, "SuspendUser", pb.SuspendUserRequest(user_id=account.id)
        )
        assert reason(found) == ("USER_NOT_FOUND" if account.is_deleted else DONE)
        if account.may_sign_in:
            account.is_active = False
            account.end_sessions()
            self.shop.settle()

    @rule(account=accounts)
    def reinstate(self, account: Account) -> None:
        found = self.shop.call(
            self.shop.admin, "ReinstateUser", pb.ReinstateUserRequest(user_id=account.id)
        )
        assert reason(found) == ("USER_NOT_FOUND" if account.is_deleted else DONE)
        account.is_active |= not account.is_deleted

    @rule(account=accounts, role=st.sampled_from(ROLES))
    def give_role(self, account: Account, role: str) -> None:
        request = pb.SetUserRoleRequest(user_id=account.id, role=role_pb2.Role.Value(role))
        found = self.shop.call(self.shop.admin, "SetUserRole", request)
        if account.is_deleted:
            assert reason(found) == "USER_NOT_FOUND"
        elif ROLES.index(role) > ROLES.index(account.role) and not account.is_password_proven:
            assert reason(found) == "EMAIL_NOT_VERIFIED"
        else:
            assert reason(found) == DONE
            account.role = role

    @rule(session=sessions, by_admin=st.booleans())
    def delete(self, session: Session, by_admin: bool) -> None:
        account = session.account
        if account.is_deleted or not (by_admin or session.is_alive):
            return
        door = self.shop.admin if by_admin else self.door(session)
        found = self.shop.call(door, "DeleteUser", pb.DeleteUserRequest(user_id=account.id))
        assert reason(found) == DONE
        account.is_deleted = True
        account.end_sessions()
        self.shop.settle()

    @rule(session=sessions)
    def act(self, session: Session) -> None:
        """What is decided by the account as it is: its name is changed, others' are listed."""
        account, door = session.account, self.door(session)
        change = pb.UpdateUserRequest(user_id=account.id, full_name="Ann Journey")
        found = self.shop.call(door, "UpdateUser", change)
        if not account.may_sign_in:
            assert found.code is grpc.StatusCode.UNAUTHENTICATED
            return
        if not session.is_alive:
            assert reason(found) == "SESSION_ENDED"
            return
        assert found.email_verified == account.is_verified
        assert role_pb2.Role.Name(found.role) == account.role

    def door(self, session: Session) -> Door:
        return self.shop.anyone.with_token(session.access, session.account.id)

    @invariant()
    def the_sessions_are_those_of_the_model(self) -> None:
        for account in self.known:
            alive = {session.id for session in account.sessions if session.is_alive}
            asking = next((each for each in account.sessions if each.is_alive), None)
            if asking:
                door = self.door(asking)
                found = self.shop.call(door, "ListSessions", session_pb.ListSessionsRequest())
                assert {session.id for session in found.sessions} == alive
