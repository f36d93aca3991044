"""What the command line says about a process that serves; everything else is configuration."""

from pathlib import Path

import msgspec


class ServeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of `serve`. None means: as the configuration has it.

    `dev` allows a weak master key; `debug` logs everything; `strict` refuses unknown settings;
    `migrate` lets `serve` bring a PostgreSQL schema up to date, which it otherwise never does.
    """

    config: Path | None = None
    env_file: Path | None = None
    host: str | None = None
    port: int | None = None
    workers: int = 1
    dev: bool = False
    debug: bool = False
    strict: bool = False
    migrate: bool = False
