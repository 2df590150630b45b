"""Alembic's entry point to this service's migrations."""

from server.kit.postgres import alembic_env

alembic_env.run()
