"""Checks of an address whose verdict has a name, or is one part of a condition."""

from django.http import HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme


def named(request):
    target = request.POST.get("next")
    fine = url_has_allowed_host_and_scheme(url=target, allowed_hosts=request.get_host())
    if fine:
        return HttpResponseRedirect(target)
    return HttpResponseRedirect(target)  # flag open-redirect


def changed(request):
    target = request.POST.get("next")
    fine = url_has_allowed_host_and_scheme(target, allowed_hosts={"shop.example.com"})
    target = request.GET.get("next")
    if fine:
        return HttpResponseRedirect(target)  # flag open-redirect
    return HttpResponse("")


def part(request):
    target = request.POST.get("next")
    if (target or not request.is_ajax()) and not url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        target = "/"
    return HttpResponseRedirect(target) if target else HttpResponse(status=204)


def wrong_part(request):
    target = request.POST.get("next")
    if (request.is_ajax() or not target) and not url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        target = "/"
    return HttpResponseRedirect(target)  # flag open-redirect
