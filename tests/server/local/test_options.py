"""Options that cannot be are refused before anything starts."""

import pytest

from server.local.errors import LocalError
from server.local.options import ClusterOptions


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:3000",
        "https://shop.example",
        "https://xn--80ak6aa92e.com",
        "http://[::1]:8",
    ],
)
def test_an_origin_is_scheme_host_and_port(origin: str) -> None:
    assert ClusterOptions(cors_origins=(origin,)).cors_origins == (origin,)


@pytest.mark.parametrize(
    "origin", ["", "*", "shop.example", "https://shop.example/", "ftp://a", "https://Shop.example"]
)
def test_anything_else_is_refused_by_the_name_of_the_variable(origin: str) -> None:
    with pytest.raises(LocalError, match="CORS_ORIGINS"):
        ClusterOptions(cors_origins=(origin,))


@pytest.mark.parametrize(
    ("option", "variable"), [("database_url", "DATABASE_URL"), ("mongodb_uri", "MONGODB_URI")]
)
def test_a_url_of_another_database_is_refused_by_name_and_not_repeated(
    option: str, variable: str
) -> None:
    with pytest.raises(LocalError, match=variable) as refused:
        ClusterOptions(**{option: "sqlite:///hunter2"})  # type: ignore[arg-type]  # chosen above
    assert f"--{option.replace('_', '-')}" in refused.value.remedy
    assert "hunter2" not in str(refused.value)
