"""A driver on pyVoIP (the extra `pyvoip`, GPL-3.0) for one trusted PBX: docs/pyvoip.md. The core never imports it."""
