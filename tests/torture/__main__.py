"""Kill real training over and over, resume it, and see that nothing was lost and the run is the same run.

python -m tests.torture --kills 100 --seed 0
python -m tests.torture --kills 100 --seed 0 --signal TERM
python -m tests.torture --kills 100 --seed 0 --disk-full

Exit code 0: everything is as it was promised; 1: not, and the folder in which it is to be seen is kept; 2: wrong flags.
The seed decides configurations and moments; those at any time are as exact as a clock. For POSIX systems.
"""

import os
import sys

if __name__ == "__main__":
    if not hasattr(os, "fork"):
        print("The torture needs a POSIX system: its starts are forked.", file=sys.stderr)
        sys.exit(2)
    from tests.torture.command import main

    sys.exit(main(sys.argv[1:]))
