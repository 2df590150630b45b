"""The keys of a home: made once, each with a number, and kept when a home is older."""

import json

import pytest

from server.kit import auth
from server.local.home import keys
from server.local.home.folder import Home, write_private
from server.local.home.integrity import damages
from server.services import ORDER, SERVICES, USER, Service
from server.settings import Tokens


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.at(tmp_path_factory.mktemp("home"))


def test_every_service_has_a_key_of_its_own_and_user_one_for_people(home: Home) -> None:
    keys.ensure(home)
    published = {key["kid"] for key in keys.public_keys(home)}
    assert published == {"user-1", "service:user-1", "service:order-1", "service:analytics-1"}
    for name in keys.names():
        file = keys.file_of(name, home)
        assert file.stat().st_mode & 0o777 == 0o600
        private = json.loads(file.read_text())
        assert auth.jwks([private])["keys"][0] in keys.public_keys(home)
    assert not [key for key in keys.public_keys(home) if "d" in key]


def test_they_are_made_once(home: Home) -> None:
    keys.ensure(home)
    before = {file.name: file.read_bytes() for file in home.keys.iterdir()}
    assert keys.are_made(home)
    keys.ensure(home)
    assert {file.name: file.read_bytes() for file in home.keys.iterdir()} == before


def test_a_start_that_died_in_between_is_finished_by_the_next(home: Home) -> None:
    write_private(keys.file_of("user", home), auth.new_key("user-1"))
    written = keys.file_of("user", home).read_bytes()
    assert not keys.are_made(home)
    keys.ensure(home)
    assert keys.are_made(home)
    assert keys.file_of("user", home).read_bytes() == written


def test_an_older_home_keeps_its_keys_and_gets_those_that_are_new(home: Home) -> None:
    people, order = auth.new_key("user-1"), auth.new_key("service:order-1")
    write_private(home.keys / "user.json", people)
    write_private(home.keys / "order.json", order)
    write_private(keys.public_file(home), auth.jwks([people, order]))
    before = {each["kid"]: auth.Signer(each, 60).secret("sessions") for each in (people, order)}
    assert damages(home) == []
    assert not keys.are_made(home)
    keys.ensure(home)
    assert keys.are_made(home)
    assert keys.public_keys(home)[:2] == auth.jwks([people, order])["keys"]
    assert json.loads(keys.file_of("service:order", home).read_text()) == order
    assert damages(home) == []
    # What was made by the secrets of then, such as sessions, stays good.
    assert signer_of(USER, home).secret("sessions") == before["user-1"]
    assert signer_of(ORDER, home).secret("sessions") == before["service:order-1"]


def test_a_secret_has_nothing_to_do_with_a_key(home: Home) -> None:
    keys.ensure(home)
    before = [signer_of(service, home).secret("sessions") for service in SERVICES]
    assert len(set(before)) == len(SERVICES)
    for name in keys.names():
        write_private(keys.file_of(name, home), auth.new_key(f"{name}-2"))
    assert [signer_of(service, home).secret("sessions") for service in SERVICES] == before


def test_a_secret_that_has_gone_is_named(home: Home) -> None:
    keys.ensure(home)
    keys.secret_file(USER, home).unlink()
    (damage,) = damages(home)
    assert "secret-user.json is missing" in damage.problem


def signer_of(service: Service, home: Home) -> auth.Signer:
    """As the service reads it; user's for people."""
    files = Tokens(
        signing_key_file=keys.file_of(USER.name, home),
        service_key_file=keys.file_of(service.own_key, home),
        secret_file=keys.secret_file(service, home),
    )
    made = auth.Signer.for_people if service.vouches_for_people else auth.Signer.for_neighbours
    return made(files)
