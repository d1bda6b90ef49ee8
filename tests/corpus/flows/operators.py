"""Values of the operator: not reported where the operator could do the same without the program."""

import os
import sys

open(sys.argv[1]).close()
os.system("ls " + sys.argv[1])  # flag command-injection
eval(os.environ["FORMULA"])  # flag code-injection
