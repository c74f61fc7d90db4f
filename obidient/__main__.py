"""`python -m obidient` is the `obidient` command."""

from obidient.cli import main

main()
