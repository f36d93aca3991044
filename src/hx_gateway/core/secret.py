"""A value that must not be seen: it has no readable repr, and says so in JSON too."""


class Secret:
    """A secret text. `reveal()` is the only way to it; grep for that word to see every use."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Wrap a text."""
        self._value = value

    def reveal(self) -> str:
        """Give the text itself, for the one place that must send or compare it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled")
