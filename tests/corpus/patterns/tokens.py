"""Tokens that are believed, and tokens that are checked."""

import jwt
from jwt import decode as read

NO_CHECK = {"verify_signature": False, "verify_exp": True}


def user(token):
    return jwt.decode(token, options=NO_CHECK)["user"]  # flag unverified-token


def renamed(token, key):
    return read(token, key, ["HS256"], dict(verify_signature=False))  # flag unverified-token


def old_way(token, key):
    return jwt.decode(token, key, verify=False)  # flag unverified-token


def through_an_object(token):
    reader = jwt.PyJWT()
    return reader.decode(token, options={"verify_signature": False})  # flag unverified-token


def any_algorithm(token, key):
    return jwt.decode(token, key, algorithms=("none", "HS256"))  # flag unverified-token


def unsigned(claims):
    return jwt.encode(claims, key="", algorithm="none")  # flag unverified-token


def key_first(token, keys):
    issuer = jwt.decode(token, options={"verify_signature": False})["iss"]  # flag unverified-token
    return jwt.decode(token, keys[issuer], algorithms=["RS256"])


def by_header(token, keys):
    kid = jwt.get_unverified_header(token)["kid"]
    return jwt.decode(token, keys[kid], algorithms=["RS256"], audience="shop")


def without_expiry(token, key):
    return jwt.decode(token, key, algorithms=["HS256"], options={"verify_exp": False, "verify_signature": True})


def asked(token, key, check):
    return jwt.decode(token, key, algorithms=["HS256"], options={"verify_signature": check})


class Reader:
    def decode(self, token, options):
        return token, options


def of_our_own(token):
    return Reader().decode(token, options={"verify_signature": False})


def handed_over(answer):
    return jwt.decode(answer["access_token"], options={"verify_signature": False})["sub"]  # flag unverified-token
