"""Numbers for secrets, and numbers for everything else."""

import random
import secrets
import string
from random import SystemRandom, choice


def reset_token():
    return "".join(random.choices(string.ascii_letters, k=20))  # flag insecure-random


def invite(user):
    user.password = "".join(choice(string.ascii_letters) for _ in range(10))  # flag insecure-random
    user.colour = choice(["red", "green"])
    user.token = secrets.token_hex()
    user.salt = SystemRandom().getrandbits(64)


def jitter(delay):
    return delay * random.uniform(0.5, 1.5)


def key_of(table):
    key = choice(sorted(table))
    return table[key]


def tokens_of_a_text(text):
    return random.sample(text.split(), 3)
