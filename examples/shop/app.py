"""Start the shop: `python app.py`, or `python -m shop` in this folder. Settings come from the environment."""

from shop.server import main

if __name__ == "__main__":
    main()
