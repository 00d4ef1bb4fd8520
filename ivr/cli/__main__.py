"""`python -m ivr.cli`: the same as `callwright`."""

import sys

from ivr.cli import main

if __name__ == "__main__":
    sys.exit(main())
