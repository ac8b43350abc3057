"""Where `python -m mlplatform.runtime.request` begins."""

import sys

from mlplatform.runtime.request.run import main

if __name__ == "__main__":
    sys.exit(main())
