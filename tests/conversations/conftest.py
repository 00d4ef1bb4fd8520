from tests.conversations.support import carrier, desk
from tests.databases import database_url
from tests.postgres import postgres

__all__ = ["carrier", "database_url", "desk", "postgres"]
