"""Numbers for secrets, and numbers for everything else."""

import hashlib
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


def one_time():
    digits = [str(random.randint(0, 9)) for _ in range(6)]  # flag insecure-random
    code = "".join(digits)
    return send(verification_code=code)


def in_steps(user):
    number = random.getrandbits(64)  # flag insecure-random
    text = hex(number)
    user.reset_token = text[2:].upper()


def hashed(user):
    seed = str(random.random())  # flag insecure-random
    user.api_key = hashlib.sha256(seed.encode()).hexdigest()


def looked_up(users, keys):
    user = random.choice(users)
    number = random.randint(0, len(keys) - 1)
    token = user.token
    secret = keys[number]
    return token, secret


def waited(client):
    delay = random.uniform(0.5, 1.5)
    token = client.fetch(delay)
    return token


def dice(game):
    roll = random.randint(1, 6)
    game.total = roll + random.Random(1).randint(1, 6)
    return roll


def letter_by_letter(length):
    password, line = "", ""
    for _ in range(length):
        password += random.choice("abcdef")  # flag insecure-random
        line += random.choice("-=")
    return password, line
