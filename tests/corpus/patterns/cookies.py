"""Cookies that anybody on the way, or any script of the page, can read."""

import random
import secrets

from flask import Flask, Response, make_response, redirect
from flask import session as store
from pyramid.authentication import AuthTktAuthenticationPolicy
from pyramid.httpexceptions import HTTPFound
from pyramid.session import SignedCookieSessionFactory

app = Flask(__name__)
app.config.update(SESSION_COOKIE_SECURE=False)  # flag insecure-cookie
app.config["SESSION_COOKIE_HTTPONLY"] = True
app.config["PERMANENT_COOKIE_SECURE"] = False


class Production:
    SESSION_COOKIE_HTTPONLY = False  # flag insecure-cookie
    REMEMBER_COOKIE_SECURE = True


def plain(token):
    response = make_response("")
    response.set_cookie("sessionid", token)  # flag insecure-cookie
    return response


def half(token):
    response = redirect("/")
    response.set_cookie("auth_token", token, secure=True)  # flag insecure-cookie
    return response


def off(value):
    response = Response("")
    response.set_cookie("language", value, httponly=False)  # flag insecure-cookie
    return response


def untyped(response, value):
    response.set_cookie(
        "language",
        str(value),
        secure=False,  # flag insecure-cookie
        httponly=True,
    )
    response.set_cookie("sessionid", value)
    connect(secure=False, httponly=False)


def good(token, value, options):
    response = make_response("")
    response.set_cookie("sessionid", token, secure=True, httponly=True, samesite="Lax")
    response.set_cookie("csrf_token", token, secure=True, samesite="Strict")
    response.set_cookie("language", value, secure=True, httponly=True, samesite="Lax")
    response.set_cookie("sessionid", "", max_age=0)
    response.set_cookie("sessionid", token, **options)
    return response


def notes(value):
    response = make_response("")
    response.set_cookie("language", value)  # flag insecure-cookie
    response.set_cookie("language", value, httponly=True)  # flag insecure-cookie
    response.set_cookie("language", value, secure=True, httponly=True)  # flag insecure-cookie
    response.set_cookie("language", value, secure=True, httponly=True, samesite=None)  # flag insecure-cookie
    response.delete_cookie("language")
    return response


def tickets(secret, switches):
    AuthTktAuthenticationPolicy(secret)  # flag insecure-cookie
    AuthTktAuthenticationPolicy(secret, secure=False, http_only=True)  # flag insecure-cookie
    SignedCookieSessionFactory(secret, secure=True)  # flag insecure-cookie
    SignedCookieSessionFactory(secret, secure=True, httponly=True)
    SignedCookieSessionFactory(secret, **switches)
    return AuthTktAuthenticationPolicy(secret, secure=True, http_only=True)


def found(request):
    request.response.set_cookie("language", "en")  # flag insecure-cookie
    answer = HTTPFound("/")
    answer.set_cookie("sessionid", request.session.id)  # flag insecure-cookie
    return answer


def remembered(user):
    number = random.random()  # flag insecure-random
    value = str(number)[2:]
    response = make_response("")
    response.set_cookie("remember_me", value, secure=True, httponly=True, samesite="Lax")
    return response


def at_once():
    response = make_response("")
    response.set_cookie("sid", f"{random.getrandbits(64):x}", secure=True, httponly=True, samesite="Lax")  # flag insecure-random
    response.set_cookie("theme", random.choice(["dark", "light"]), secure=True, httponly=True, samesite="Lax")
    return response


def better():
    response = make_response("")
    value = secrets.token_urlsafe()
    colour = random.choice(["red", "green"])
    store["colour"] = colour
    response.set_cookie("sid", value, secure=True, httponly=True, samesite="Lax")
    return response
