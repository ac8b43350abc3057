"""Where `python -m fraud <step>` begins."""

import sys

from fraud import steps

if __name__ == "__main__":
    steps.STEPS[sys.argv[1]]()
