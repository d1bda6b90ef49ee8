"""`StrEnum` and `IntEnum` as in the standard library, for the classes of every start of a program.

Loading `enum`, and making the sixty members of one class with it, took a third as long as Python takes to start. Only
what our classes use is there: members by attribute, value and name, in their order, each made once. For type checkers,
and where somebody has loaded `enum` anyway, they are those of the standard library; a test compares the two.
"""
# ruff: noqa: ANN001, ANN201, ANN202, ANN204 -- for type checkers these are the ones of the standard library

import sys

TYPE_CHECKING = False
if TYPE_CHECKING or "enum" in sys.modules:
    from enum import IntEnum, StrEnum
else:

    class Words(type):
        """What a class of members can do: be iterated, asked for a member by value or name, and not be changed."""

        def __new__(mcs, name, bases, namespace):
            """Make the class, and then each of its members."""
            kind = bases[0].kind if bases and hasattr(bases[0], "kind") else None
            named = {key: value for key, value in namespace.items() if kind and key[0] != "_" and type(value) is kind}
            cls = type.__new__(mcs, name, bases, {key: it for key, it in namespace.items() if key not in named})
            cls.__members__ = {key: kind.__new__(cls, value) for key, value in named.items()}
            cls.__by_value__ = {named[key]: member for key, member in cls.__members__.items()}
            for key, member in cls.__members__.items():
                type.__setattr__(cls, key, member)
            return cls

        def __call__(cls, value):
            try:
                return cls.__by_value__[value]
            except (KeyError, TypeError):
                raise ValueError(f"{value!r} is not a valid {cls.__qualname__}") from None

        def __getitem__(cls, name):
            return cls.__members__[name]

        def __iter__(cls):
            return iter(cls.__members__.values())

        def __len__(cls):
            return len(cls.__members__)

        def __contains__(cls, value):
            return value in cls.__by_value__

        def __setattr__(cls, name, value):
            if name in vars(cls).get("__members__", ()):
                raise AttributeError(f"cannot change {name!r} of {cls.__qualname__}")
            type.__setattr__(cls, name, value)

        def __delattr__(cls, name):
            raise AttributeError(f"cannot take {name!r} away from {cls.__qualname__}")

    class _Member:
        """What a member can do."""

        __slots__ = ()

        @property
        def name(self):
            """Its name in the class."""
            return next(name for name, member in type(self).__members__.items() if member is self)

        def __repr__(self):
            return f"<{type(self).__name__}.{self.name}: {self.value!r}>"

        def __reduce_ex__(self, _protocol):
            return type(self), (self.value,)

        def __copy__(self):
            return self

        def __deepcopy__(self, _memo):
            return self

    class StrEnum(_Member, str, metaclass=Words):
        """Members that are texts."""

        __slots__ = ()
        kind = str

        @property
        def value(self):
            """The text alone."""
            return str.__str__(self)

    class IntEnum(_Member, int, metaclass=Words):
        """Members that are numbers."""

        __slots__ = ()
        kind = int
        __str__ = int.__repr__

        @property
        def value(self):
            """The number alone."""
            return int(self)


__all__ = ["IntEnum", "StrEnum"]
