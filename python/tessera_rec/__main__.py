"""`python -m tessera_rec` is the command line's program."""

from tessera_rec_program import main

main()
