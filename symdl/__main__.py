"""``python -m symdl`` is ``symdl``."""

import sys

from symdl.cli import main

if __name__ == "__main__":
    sys.exit(main())
