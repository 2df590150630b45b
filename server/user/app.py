"""Wires the user service together."""

from functools import partial

from emporium.user.v1 import auth_service_pb2, user_service_pb2
from server.kit import lifecycle, postgres
from server.kit.auth import Signer, Verifier
from server.kit.forgetting import forgetting
from server.kit.lifecycle import Registration
from server.kit.telemetry import telemetry
from server.settings import Settings
from server.user.passwords import PasswordHasher, hashing
from server.user.service import AuthService, UserService
from server.user.store.postgres import PostgresUserStore


def main() -> int:
    """Runs the service until it is asked to stop; gives the process's exit code."""
    return lifecycle.run(_serve)


async def _serve(settings: Settings) -> None:
    tokens = settings.tokens
    signer = Signer.from_file(tokens.signing_key_file, tokens.token_seconds)
    verifier = Verifier.from_file(tokens.jwks_file)
    with telemetry(settings.server, "user"):
        async with (
            postgres.connected(settings.postgres) as pool,
            forgetting(pool),
            hashing(tokens.bcrypt_cost, tokens.bcrypt_threads) as hasher,
            lifecycle.serving(
                settings.server,
                verifier,
                _registrations(PostgresUserStore(pool), hasher, signer),
                probes={"postgres": partial(postgres.ping, pool)},
            ),
        ):
            await lifecycle.stopping()


def _registrations(
    store: PostgresUserStore, hasher: PasswordHasher, signer: Signer
) -> tuple[Registration, ...]:
    users = user_service_pb2.DESCRIPTOR.services_by_name["UserService"]
    auth = auth_service_pb2.DESCRIPTOR.services_by_name["AuthService"]
    return (
        Registration(users, UserService(store, hasher, signer)),
        Registration(auth, AuthService(store, hasher, signer)),
    )
