"""A router for `bench.acd`: python -m bench.acd.router SOCKET."""

from __future__ import annotations

import sys

from bench.acd.__main__ import run_router

if __name__ == "__main__":
    run_router(sys.argv[1])
