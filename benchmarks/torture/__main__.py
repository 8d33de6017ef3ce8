"""Kill real training over and over, resume it, and see that nothing was lost and the run is the same run.

python -m benchmarks.torture --kills 100 --seed 0
python -m benchmarks.torture --kills 100 --seed 0 --signal TERM

Exit code 0: everything is as it was promised; 1: not, and the folder in which it is to be seen is kept; 2: wrong flags.
The seed decides configurations and moments; those at any time are as exact as a clock. For POSIX systems.
"""

import sys

from benchmarks.torture.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
