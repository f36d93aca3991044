"""Who is there: keys, teams and users as lists without secrets."""

from hx_gateway.core.ports import KeyFilter, KeyRecord, Store, TeamRecord, UserRecord


class Directory:
    """The lists an operator asks for first. Raises DependencyError when the store is away."""

    def __init__(self, store: Store) -> None:
        """Read from this store."""
        self._store = store

    async def keys(self, *, offset: int, limit: int) -> tuple[list[KeyRecord], int]:
        """List keys, newest first, and count all."""
        return await self._store.list_keys(KeyFilter(offset=offset, limit=limit))

    async def teams(self) -> list[TeamRecord]:
        """List all teams."""
        return await self._store.list_teams()

    async def users(self) -> list[UserRecord]:
        """List all users."""
        return await self._store.list_users()
