from tests.mail.support import carrier, desk, mailbox, office, office_url
from tests.postgres import postgres

__all__ = ["carrier", "desk", "mailbox", "office", "office_url", "postgres"]
