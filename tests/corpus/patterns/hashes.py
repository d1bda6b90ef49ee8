"""Weak hashes under other names, and calls that only look like them."""

import hashlib as h
import hmac
from hashlib import new as make
from hashlib import sha1


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
