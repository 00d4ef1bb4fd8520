from tests.databases import database_url, engine, sqlite_engine
from tests.postgres import postgres

__all__ = ["database_url", "engine", "postgres", "sqlite_engine"]
