"""Weak hashes under other names, and calls that only look like them."""

import hashlib as h
import hmac
from hashlib import new as make
from hashlib import sha1

from Crypto.Hash import MD5, SHA256
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hmac import HMAC
from passlib.context import CryptContext
from passlib.hash import bcrypt, md5_crypt
from werkzeug.security import generate_password_hash


class hashlib:
    @staticmethod
    def md5(data):
        return data


def etag(data):
    return h.md5(data, usedforsecurity=False).hexdigest()


def fingerprint(data):
    return sha1(data).hexdigest()  # flag weak-hash


def named(data):
    algorithm = "md5"
    return make(algorithm, data)  # flag weak-hash


def chosen(data, algorithm):
    return make(algorithm, data)


def own(data):
    return hashlib.md5(data)


def mac(key, data):
    return hmac.new(key, data, h.sha256)


def strong(data):
    return h.new("sha512", data), h.blake2b(data)


def configured(data, settings):
    algorithm = settings.get("hash", "md5")
    return make(algorithm, data)  # flag weak-hash


def by_default(data, algorithm="sha1"):
    return h.new(algorithm, data)  # flag weak-hash


def strong_by_default(data, settings):
    return h.new(settings.get("hash", "sha256"), data)


def in_steps(password):
    state = h.md5()
    state.update(password.encode())  # flag weak-hash
    return state.hexdigest()


def said(data):
    return h.md5(data, usedforsecurity=True)  # flag weak-hash


def fast(user, password):
    user.stored = h.sha512(password.encode()).hexdigest()  # flag weak-hash
    user.salted = h.pbkdf2_hmac("sha256", password.encode(), user.salt, 600_000)


def of_another_library(data):
    state = hashes.Hash(hashes.SHA1())  # flag weak-hash
    state.update(data)
    MD5.new(data)  # flag weak-hash
    SHA256.new(data)
    return hashes.Hash(hashes.SHA256())


def learned(vault, data):
    answer = vault.read_password("shop")
    state = MD5.new()
    state.update(answer)  # flag weak-hash
    other = hashes.Hash(hashes.SHA256())
    other.update(answer)  # flag weak-hash
    third = h.sha256()
    third.update(data)
    return state.digest() + other.finalize()


def signed(key, data):
    return key.sign(data, padding.PKCS1v15(), hashes.SHA1())  # flag weak-hash


def without_collisions(key, data):
    HMAC(key, hashes.SHA1()).update(data)
    return padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)


def of_passwords(word):
    md5_crypt.hash(word)  # flag weak-hash
    bcrypt.verify(word, md5_crypt)
    CryptContext(schemes=["hex_sha1", "bcrypt"])  # flag weak-hash
    CryptContext(schemes=["bcrypt", "md5_crypt"], deprecated="auto")
    generate_password_hash(word, method="md5")  # flag weak-hash
    return generate_password_hash(word, method="scrypt")
