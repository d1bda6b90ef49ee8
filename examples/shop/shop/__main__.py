"""`python -m shop` does what `python app.py` does."""

from shop.server import main

main()
