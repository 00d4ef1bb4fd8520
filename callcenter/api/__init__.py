"""REST under /api/v1: one file per resource in `resources`, described once by pydantic models.

`blueprint(engine)` is registered on any Flask application; `create_key` makes a key to call it with.
"""

from callcenter.api.app import blueprint
from callcenter.api.keys import SCOPES, create_key, revoke_key

__all__ = ["SCOPES", "blueprint", "create_key", "revoke_key"]
