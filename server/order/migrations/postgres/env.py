"""Alembic's door to this service's history."""

from server.kit.postgres import alembic_env

alembic_env.run()
