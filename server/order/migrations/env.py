"""Alembic's door to this service's history."""

from server.kit import alembic_env

alembic_env.run()
