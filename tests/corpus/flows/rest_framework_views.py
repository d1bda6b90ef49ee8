"""Views of the REST framework: functions, classes, sets of views, serializers."""

import os
import subprocess

from django.db import connection, models
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.safestring import mark_safe
from rest_framework import generics, mixins, permissions, serializers, status, viewsets
from rest_framework.decorators import action, api_view, permission_classes
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework.views import APIView


class Film(models.Model):
    title = models.CharField(max_length=80)


class FilmSerializer(serializers.ModelSerializer):
    class Meta:
        model = Film
        fields = ["title"]

    def validate(self, attrs):
        os.system("check " + attrs["title"])  # flag command-injection
        return super().validate(attrs)

    def create(self, validated_data):
        film = Film.objects.create(**validated_data)
        os.system("index " + validated_data["title"])  # flag command-injection
        os.system(f"index {film.pk}")
        return film

    def update(self, instance, validated_data):
        os.system("index " + instance.title)
        os.system("index " + validated_data.get("title"))  # flag command-injection
        return super().update(instance, validated_data)


@api_view(["GET", "POST"])
@permission_classes([permissions.AllowAny])
def films(request, genre):
    if request.method == "GET":
        Film.objects.raw("SELECT * FROM film WHERE genre = '" + genre + "'")  # flag sql-injection
        Film.objects.raw("SELECT * FROM film WHERE genre = %s", [genre])
        return Response({"genre": genre, "q": request.query_params["q"]})
    serializer = FilmSerializer(data=request.data)
    if not serializer.is_valid():
        return Response(serializer.errors, status=status.HTTP_400_BAD_REQUEST)
    film = serializer.save(owner=request.user)
    os.system("index " + serializer.validated_data["title"])  # flag command-injection
    os.system("index " + serializer.initial_data["title"])  # flag command-injection
    os.system(f"index {film.pk}")
    return Response(serializer.data, status=201)


@api_view()
def page(request):
    if request.GET.get("plain"):
        return HttpResponse(request.GET["q"], content_type="application/json")
    if request.GET.get("away"):
        return redirect(request.query_params["next"])  # flag open-redirect
    return HttpResponse("<p>" + request.query_params.get("q", ""))  # flag cross-site-scripting


class Upload(APIView):
    permission_classes = [permissions.IsAuthenticated]

    def post(self, request, folder):
        file = request.FILES["file"]
        subprocess.run(request.data["command"], shell=True)  # flag command-injection
        subprocess.run(["convert", "--", request.data["source"]])
        os.makedirs("/srv/" + folder)  # flag path-traversal
        with open(os.path.join("/srv/files", file.name), "wb") as target:
            target.write(file.read())
        return Response({"name": file.name})

    def get(self, request, *args, **kwargs):
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM film WHERE id = " + self.kwargs["id"])  # flag sql-injection
            cursor.execute("SELECT * FROM film WHERE id = %s", [kwargs["id"]])
            cursor.execute("SELECT * FROM film WHERE id = %d" % int(kwargs["id"]))
            return Response(cursor.fetchall())


class FilmList(generics.ListCreateAPIView):
    serializer_class = FilmSerializer

    def get_queryset(self):
        title = self.request.query_params.get("title")
        if self.kwargs.get("raw"):
            return Film.objects.extra(where=["title = '%s'" % title])  # flag sql-injection
        return super().get_queryset().filter(title=title)

    def perform_create(self, serializer):
        os.system("index " + serializer.validated_data["title"])  # flag command-injection
        serializer.save(owner=self.request.user)


class FilmSet(viewsets.ModelViewSet):
    queryset = Film.objects.all()
    serializer_class = FilmSerializer

    def retrieve(self, request, pk=None):
        Film.objects.raw("SELECT * FROM film WHERE id = " + pk)  # flag sql-injection
        film = self.get_object()
        os.system("show " + film.title)
        return Response(FilmSerializer(Film.objects.get(pk=pk)).data)

    def create(self, request, *args, **kwargs):
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        os.system("index " + serializer.validated_data["title"])  # flag command-injection
        self.perform_create(serializer)
        return Response(serializer.data)

    def perform_destroy(self, instance):
        os.system(f"remove {instance.pk}")
        instance.delete()

    @action(detail=True, methods=["post"])
    def rename(self, request, pk=None):
        os.system("rename " + request.data["title"])  # flag command-injection
        os.system("rename " + pk)  # flag command-injection
        return Response({"title": mark_safe("<b>" + request.data["title"])})  # flag cross-site-scripting

    def get_permissions(self):
        return [permissions.IsAdminUser()]


class Genres(mixins.ListModelMixin, viewsets.GenericViewSet):
    def list(self, request):
        os.system("list " + request.query_params["genre"])  # flag command-injection
        return Response([])


class Numbers(viewsets.ViewSet):
    def list(self, request):
        total = sum(int(value) for value in request.query_params.getlist("n"))
        os.system(f"count {total}")
        return Response(total)

    def destroy(self, request, pk: int):
        os.system(f"remove {pk}")
        return Response(status=204)


router = DefaultRouter()
router.register("films", FilmSet)
router.register("genres", Genres, basename="genre")
