"""Every setting has its variable; a value that cannot be used is named."""

import traceback
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from server import settings
from server.services import SERVICES, Service, callers_of
from server.settings import Settings, SettingsError, read, reading

CANARY = "canary7c1f"
ON_LOOPBACK = {each.name: f"dns:///127.0.0.1:{each.port}" for each in SERVICES}

# A usable value of each kind, as the environment writes it, that is no setting's default.
SAMPLES: dict[Any, tuple[str, Any]] = {
    str: ("elsewhere", "elsewhere"),
    int: ("7", 7),
    float: ("7.5", 7.5),
    Path: ("/keys/one.json", Path("/keys/one.json")),
    settings.Targets: (
        "user=dns:///u:1 analytics=ipv4:a:1,b:2",
        {**ON_LOOPBACK, "user": "dns:///u:1", "analytics": "ipv4:a:1,b:2"},
    ),
    settings.GuardedRoles: ("staff", {"staff"}),
}
# Knobs that take some values only.
CHOICES: dict[str, tuple[str, Any]] = {
    "reuse_port": ("true", True),
    "log_level": ("debug", "debug"),
    "mongodb_driver": ("motor", "motor"),
    "database_url": ("postgresql://a:b@c/d", "postgresql://a:b@c/d"),
    "mongodb_uri": ("mongodb://a", "mongodb://a"),
    "smtp_url": ("smtps://a:b@c", "smtps://a:b@c"),
    "smtp_starttls": ("false", False),
    "order_mails": ("false", False),
    "shop_url": ("https://a", "https://a"),
    "sandbox_url": ("http://a", "http://a"),
    "sandbox_secret": ("a secret", "a secret"),
    "audit_retention_days": ("77", 77),
    "token_seconds": ("7", 7),
    "webhook_http": ("true", True),
}

SETTINGS = [
    (concern.name, setting.name, CHOICES.get(setting.name) or SAMPLES[setting.type])
    for concern in fields(Settings)
    for setting in fields(concern.type)  # type: ignore[arg-type]  # a class
]


@pytest.mark.parametrize(("concern", "setting", "sample"), SETTINGS)
def test_each_setting_is_set_by_its_variable(
    concern: str, setting: str, sample: tuple[str, Any]
) -> None:
    text, value = sample
    assert getattr(getattr(read({setting.upper(): text}), concern), setting) == value
    assert getattr(getattr(read({}), concern), setting) != value


def test_no_two_settings_share_a_variable() -> None:
    names = [setting for _, setting, _ in SETTINGS]
    assert len(names) == len(set(names))


def test_strangers_in_the_environment_are_ignored() -> None:
    assert read({"PATH": "/bin", "GRPC_PORTS": "x", "grpc_port": "7"}) == Settings()


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("GRPC_PORT", ""),
        ("GRPC_PORT", "http"),
        ("GRPC_PORT", "50051.5"),
        ("DRAIN_SECONDS", "3s"),
        ("REUSE_PORT", "maybe"),
        ("LOG_LEVEL", "loud"),
        ("TOKEN_SECONDS", "0"),
        ("TOKEN_SECONDS", "86401"),
        ("GRPC_PORT", "65536"),
        ("DRAIN_SECONDS", "nan"),
        ("DRAIN_SECONDS", "inf"),
        ("GRACE_SECONDS", "-0.5"),
        ("BCRYPT_COST", "32"),
        ("POOL_SIZE_MAX", "0"),
        ("MONGODB_DRIVER", "mongoengine"),
        ("NEIGHBOUR_TARGETS", "nobody=dns:///u:1"),
        ("NEIGHBOUR_TARGETS", "user"),
        ("TOTP_REQUIRED_ROLES", "customer"),
        ("TOTP_REQUIRED_ROLES", "staff,admin"),
    ],
)
def test_a_bad_value_is_named_with_its_variable(variable: str, text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read({variable: text})
    assert str(refused.value).startswith(f"{variable} must be ")


@pytest.mark.parametrize(
    ("text", "roles"), [("", set()), ("Admin", {"admin"}), (" staff  admin ", {"staff", "admin"})]
)
def test_roles_are_words_in_any_case(text: str, roles: set[str]) -> None:
    assert read({"TOTP_REQUIRED_ROLES": text}).tokens.totp_required_roles == roles


@pytest.mark.parametrize("text", [CANARY, f"user={CANARY} {CANARY}", f"{CANARY}=x", f"1{CANARY}"])
def test_no_refusal_repeats_a_value(text: str) -> None:
    refusals = [refusal for _, setting, _ in SETTINGS if (refusal := refused(setting, text))]
    assert len(refusals) > 15
    assert not [refusal for refusal in refusals if CANARY in refusal]


def refused(setting: str, text: str) -> str:
    """All that a traceback would show of the refusal; empty without one."""
    try:
        read({setting.upper(): text})
    except SettingsError as error:
        return "".join(traceback.format_exception(error))
    return ""


@pytest.mark.parametrize("written", ["INFO", "Info", " info "])
def test_a_choice_may_be_written_in_capitals(written: str) -> None:
    assert read({"LOG_LEVEL": written}).server.log_level == "info"


@pytest.mark.parametrize("variable", ["DATABASE_URL", "MONGODB_URI"])
def test_a_url_of_another_database_is_refused_and_not_repeated(variable: str) -> None:
    with pytest.raises(SettingsError, match=variable) as refused:
        read({variable: "sqlite:///hunter2"})
    assert "hunter2" not in str(refused.value)


def test_the_variables_are_all_of_them() -> None:
    files = {f"{name}_FILE" for name in settings.SECRETS}
    assert settings.variables() == {setting.upper() for _, setting, _ in SETTINGS} | files


def test_what_holds_a_password_is_a_secret() -> None:
    urls = {name for name, schemes in reading._SCHEMES.items() if "https://" not in schemes}
    assert urls | {"SANDBOX_SECRET"} == {*settings.SECRETS}


def test_the_process_reads_its_own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC_PORT", "50099")
    assert settings.from_environment("order").server.grpc_port == 50099


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_what_differs_between_services_comes_from_their_table(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("GRPC_PORT", "MONGODB_DATABASE", "TLS_CLIENT_NAMES"):
        monkeypatch.delenv(variable, raising=False)
    read_settings = settings.from_environment(service.name)
    assert read_settings.server.grpc_port == service.port
    assert read_settings.mongo.mongodb_database == service.mongo
    assert read_settings.server.tls_client_names.split() == callers_of(service)
