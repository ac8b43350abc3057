"""Where `python -m mlplatform.runtime.drift` begins."""

import sys

from mlplatform.runtime.drift.run import main

if __name__ == "__main__":
    sys.exit(main())
