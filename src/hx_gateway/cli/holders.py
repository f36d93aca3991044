"""What `teams` and `users` have in common: both hold keys, are made, shown, blocked alike."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from hx_gateway.auth.identify import MASTER
from hx_gateway.cli.actions import AddAction, name, plain, print_json, refuse_nothing
from hx_gateway.core.ports import KeyRecord, Store
from hx_gateway.core.principal import Principal

R = TypeVar("R")
W = TypeVar("W")
W_contra = TypeVar("W_contra", contravariant=True)


class Service(Protocol[R, W_contra]):
    """The use-cases of one kind of holder: `R` is its record, `W_contra` what is wished of it."""

    async def create(self, creator: Principal, wish: W_contra, id_: str | None = None) -> R:
        """Make one."""
        ...

    async def update(self, caller: Principal, id_: str, wish: W_contra) -> R:
        """Change one."""
        ...

    async def delete(self, ids: Sequence[str]) -> list[str]:
        """Remove some with their keys; gives the ids of those that were there."""
        ...

    async def find(self, id_: str) -> tuple[R, list[KeyRecord]]:
        """Find one with its keys."""
        ...

    async def find_all(self) -> list[R]:
        """List all."""
        ...


class Holders(Generic[R, W]):
    """The actions on one kind of holder, such as `team`."""

    def __init__(
        self,
        noun: str,
        *,
        open_service: Callable[[Store], Service[R, W]],
        wish: Callable[[argparse.Namespace], W],
        blocking: Callable[[bool], W],
        line: Callable[[R], str],
    ) -> None:
        """`wish` reads what the options say, `blocking` wishes for (un)blocking alone."""
        self._noun = noun
        self._open = open_service
        self._wish = wish
        self._blocking = blocking
        self._line = line

    def declare(self, action: AddAction, made: str) -> tuple[argparse.ArgumentParser, ...]:
        """Declare all actions; gives the parsers of those that take further options."""
        noun = self._noun
        action("list", self.show_all, f"list {noun}s")
        create = action("create", self.create, made)
        update = action("update", self.update, "change what is named, and nothing else")
        for parser in (
            create,
            action("info", self.show, f"show a {noun} and how many keys it has"),
            update,
            action("block", self.block, f"refuse all keys of a {noun} from now on"),
            action("unblock", self.unblock, f"let the keys of a {noun} in again"),
            action("delete", self.delete, f"remove a {noun} and all its keys"),
        ):
            parser.add_argument("id", type=name, metavar=noun.upper(), help="its id")
        for parser in (create, update):
            parser.add_argument("--alias", type=name, help="a name to show")
        return create, update

    async def create(self, store: Store, args: argparse.Namespace) -> None:
        """Make one."""
        refuse_nothing(args, "models")
        self._tell(await self._open(store).create(MASTER, self._wish(args), args.id), args)

    async def show_all(self, store: Store, args: argparse.Namespace) -> None:
        """List all."""
        found = await self._open(store).find_all()
        if args.json:
            print_json({f"{self._noun}s": found})
            return
        for each in found:
            print(plain(self._line(each)))
        print(f"{len(found)} {self._noun}s", file=sys.stderr)

    async def show(self, store: Store, args: argparse.Namespace) -> None:
        """Show one."""
        found, keys = await self._open(store).find(args.id)
        if args.json:
            print_json({self._noun: found, "keys": [key.id for key in keys]})
        else:
            print(f"{plain(self._line(found))}  {len(keys)} keys")

    async def update(self, store: Store, args: argparse.Namespace) -> None:
        """Change one."""
        await self._change(store, args, self._wish(args))

    async def block(self, store: Store, args: argparse.Namespace) -> None:
        """Refuse the keys of one."""
        await self._change(store, args, self._blocking(True))  # noqa: FBT003 - its only meaning

    async def unblock(self, store: Store, args: argparse.Namespace) -> None:
        """Let the keys of one in again."""
        await self._change(store, args, self._blocking(False))  # noqa: FBT003

    async def delete(self, store: Store, args: argparse.Namespace) -> None:
        """Remove one."""
        gone = await self._open(store).delete([args.id])
        if args.json:
            print_json({"deleted": gone})
        else:
            print(f"deleted {gone[0]}")

    async def _change(self, store: Store, args: argparse.Namespace, wish: W) -> None:
        self._tell(await self._open(store).update(MASTER, args.id, wish), args)

    def _tell(self, found: R, args: argparse.Namespace) -> None:
        if args.json:
            print_json(found)
        else:
            print(plain(self._line(found)))
