"""`dataclass`, `field` and `replace` as in the standard library, for the classes of every start of a program.

The standard library writes the methods of each class as text and compiles them, and loads inspect, ast and re to do so:
for the classes of `casemate run` that took longer than Python itself takes to start. Here all classes share the same
methods, which cost nothing to make and a little more to call. Only what our classes use is there: `frozen`, `slots`,
defaults and `compare`. For type checkers, for `dataclasses.replace`, `fields` and `asdict`, and for `help` they are
dataclasses; a test compares the two.
"""
# ruff: noqa: ANN001, ANN002, ANN003, ANN201, ANN202, ANN204 -- for type checkers these are the ones of the standard library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace
else:
    ABSENT = object()
    FIELDS, KINDS, GIVEN = "__our_fields__", "__our_kinds__", "__our_defaults__"
    assign = object.__setattr__  # what a frozen class does not let anybody else do

    class Field:
        """One field: its name, its default or what makes one, and whether it counts in a comparison."""

        __slots__ = ("compare", "default", "factory", "name")

        def __init__(self, default, factory, compare):
            self.name, self.default, self.factory, self.compare = "", default, factory, compare

    def field(*, default=ABSENT, default_factory=None, compare=True):
        """Describe a field that is more than a name and a default."""
        return Field(default, default_factory, compare)

    def dataclass(*, frozen=False, slots=True):
        """Make a class of fields; always with slots."""
        assert slots  # noqa: S101 -- no class of ours does without

        def made(cls):
            return _made(cls, frozen=frozen)

        return made

    def replace(instance, /, **changes):
        """Give a copy with other values in some fields."""
        for one in getattr(instance, FIELDS):
            changes.setdefault(one.name, getattr(instance, one.name))
        return instance.__class__(**changes)

    def _made(cls, *, frozen):
        """Make the class anew, with slots in the place of the defaults: a class cannot be given slots later."""
        names = tuple(cls.__annotations__)
        namespace = {**cls.__dict__}
        namespace.pop("__dict__", None)
        namespace.pop("__weakref__", None)
        given = {name: namespace.pop(name) for name in names if name in namespace}
        before = [name for name in getattr(cls.__bases__[0], "__match_args__", ()) if name not in names]
        shown = namespace.get("__repr__", _repr)
        namespace |= FROZEN if frozen else CHANGING
        namespace |= {
            "__slots__": names,
            "__match_args__": (*before, *names),
            KINDS: cls.__annotations__,
            GIVEN: given,
            "__repr__": shown,
        }
        return type(cls)(cls.__name__, cls.__bases__, namespace)

    class _Fields:
        """The fields of a class, put together when they are first needed: most classes of a start are never called."""

        def __get__(self, _instance, cls):
            made = next(one for one in cls.__mro__ if GIVEN in one.__dict__)  # it may be a plain class below ours
            every = {one.name: one for one in getattr(made.__bases__[0], FIELDS, ())}
            given = made.__dict__[GIVEN]
            every |= {name: _named(name, given.get(name, ABSENT)) for name in made.__dict__[KINDS]}
            fields = tuple(every.values())
            setattr(made, FIELDS, fields)
            return fields

    def _named(name, given):
        """Give the field of an annotation and what was assigned to it."""
        one = given if isinstance(given, Field) else Field(given, None, compare=True)
        one.name = name
        return one

    def _init(self, /, *values, **named):
        fields = getattr(self, FIELDS)
        for one, value in zip(fields, values):  # noqa: B905 -- the lengths are compared below
            assign(self, one.name, value)
        for one in fields[len(values) :]:
            if one.name in named:
                value = named.pop(one.name)
            elif one.factory is not None:
                value = one.factory()
            elif one.default is not ABSENT:
                value = one.default
            else:
                raise TypeError(f"{type(self).__name__}() needs a value for {one.name!r}")
            assign(self, one.name, value)
        if named or len(values) > len(fields):
            raise TypeError(f"{type(self).__name__}() got values that it has no field for: {', '.join(named)}")

    def _values(self):
        """Give the values that are compared."""
        return tuple(getattr(self, one.name) for one in getattr(self, FIELDS) if one.compare)

    def _eq(self, other):
        return _values(self) == _values(other) if other.__class__ is self.__class__ else NotImplemented

    def _hash(self):
        return hash(_values(self))

    def _repr(self):
        shown = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in getattr(self, FIELDS))
        return f"{type(self).__qualname__}({shown})"

    def _reduce(self):
        """Let a frozen instance be copied, which cannot be filled afterwards."""
        return type(self), tuple(getattr(self, one.name) for one in getattr(self, FIELDS))

    def _frozen(self, name, *_value):
        from dataclasses import FrozenInstanceError  # noqa: PLC0415 -- only after a mistake

        raise FrozenInstanceError(f"cannot change {name!r} of {type(self).__name__}")

    class _Standard:
        """What the standard library would say of a class, made when somebody asks."""

        def __init__(self, of):
            self.of = of

        def __get__(self, _instance, cls):
            return self.of(_twin(cls))

    TWINS = {}

    def _twin(cls):
        """Give the same class, made with the standard library."""
        if cls not in TWINS:
            TWINS[cls] = _made_by_the_library(cls)
        return TWINS[cls]

    def _made_by_the_library(cls):
        """Make it."""
        from dataclasses import MISSING, make_dataclass  # noqa: PLC0415 -- only for those who have loaded it anyway
        from dataclasses import field as standard  # noqa: PLC0415 -- likewise

        kinds = {name: kind for base in reversed(cls.__mro__) for name, kind in vars(base).get(KINDS, {}).items()}
        fields = []
        for one in getattr(cls, FIELDS):
            default = MISSING if one.default is ABSENT else one.default
            how = standard(compare=one.compare, default=default, default_factory=one.factory or MISSING)
            fields.append((one.name, kinds[one.name], how))
        return make_dataclass(cls.__name__, fields)

    def _fields_of(twin):
        return twin.__dataclass_fields__

    def _signature_of(twin):
        from inspect import signature  # noqa: PLC0415 -- likewise

        return signature(twin)

    COMMON = {
        FIELDS: _Fields(),
        "__dataclass_fields__": _Standard(_fields_of),
        "__signature__": _Standard(_signature_of),
        "__init__": _init,
        "__eq__": _eq,
        "__reduce__": _reduce,
        "__replace__": replace,
    }
    FROZEN = {**COMMON, "__hash__": _hash, "__setattr__": _frozen, "__delattr__": _frozen}
    CHANGING = {**COMMON, "__hash__": None}


__all__ = ["dataclass", "field", "replace"]
