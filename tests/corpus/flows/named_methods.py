"""Methods that a framework finds by the beginning of their name, or by no more than what they use."""

import os

import falcon
from django import forms
from django.db import models
from rest_framework import serializers


class Album(models.Model):
    title = models.CharField(max_length=80)


class AlbumForm(forms.ModelForm):
    class Meta:
        model = Album
        fields = ["title"]

    def clean_title(self):
        os.system("check " + self.cleaned_data["title"])  # flag command-injection
        return self.cleaned_data["title"]

    def cover(self):
        os.system("draw " + self.cleaned_data["title"])  # flag command-injection

    def folder(self):
        os.system("ls " + self.folder_name)


class AlbumSerializer(serializers.ModelSerializer):
    def validate_title(self, value):
        os.system("check " + value)  # flag command-injection
        return value

    def play(self):
        os.system("play " + self.validated_data["title"])  # flag command-injection


def shown(request):
    serializer = AlbumSerializer(data=request.data)
    os.system("show " + serializer.data["title"])
    return serializer.data


class Albums:
    def on_get(self, req, resp):
        os.system("list " + req.get_param("by"))  # flag command-injection

    def on_get_cover(self, req, resp, size):
        os.system("cover " + size)  # flag command-injection

    def on_change(self, req, resp, size):
        os.system("cover " + size)


class Gateway:
    def __call__(self, environ, start_response):
        os.system("log " + environ["PATH_INFO"])  # flag command-injection
        start_response("200 OK", [])
        return []


api = falcon.App()
api.add_route("/albums", Albums())
api.add_route("/albums/{size}", Albums(), suffix="cover")
