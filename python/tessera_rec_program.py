"""Starts the command line's program of this package, without loading the package, which takes longer than the program."""

import os
import sys


def main():
    """Becomes the program: it never returns."""
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tessera_rec", "bin", "tessera")
    try:
        os.execv(program, ["tessera", *sys.argv[1:]])
    except FileNotFoundError:
        sys.exit(
            "tessera: this installation has the Python package alone, without the command line's program: "
            "install the wheel, the Debian package, or build from a checkout"
        )


if __name__ == "__main__":
    main()
