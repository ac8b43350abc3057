"""Where `python -m mlplatform.runtime.dispatch` begins."""

import sys

from mlplatform.runtime.dispatch.run import main

if __name__ == "__main__":
    sys.exit(main())
