"""Settings, all from the environment, each with a default that works on one machine."""

import os
import secrets
from pathlib import Path

DATA = Path(os.environ.get("SHOP_DATA", "data"))
PORT = int(os.environ.get("SHOP_PORT", "8080"))
SUPPLIER = os.environ.get("SHOP_SUPPLIER", "127.0.0.1:8081")  # HOST:PORT of the price service
SECRET_KEY = os.environ.get("SHOP_SECRET_KEY") or secrets.token_hex(32)

DATABASE = DATA / "shop.db"
RECEIPTS = DATA / "receipts"
