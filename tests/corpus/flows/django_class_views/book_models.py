"""What is stored, and a manager that writes statements."""

from django.db import connection, models


class BookManager(models.Manager):
    def titled(self, title):
        return self.raw("SELECT * FROM book WHERE title = '" + title + "'")  # flag sql-injection

    def bound(self, title):
        return self.raw("SELECT * FROM book WHERE title = %s", [title])

    def counted(self, column):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {column}, COUNT(*) FROM book GROUP BY {column}")  # flag sql-injection
            return cursor.fetchall()


class Author(models.Model):
    name = models.CharField(max_length=80)


class Book(models.Model):
    title = models.CharField(max_length=200)
    author = models.ForeignKey(Author, on_delete=models.CASCADE)
    cover = models.FileField(upload_to="covers")

    objects = BookManager()

    def __str__(self):
        return self.title
