"""Read migrations from their folder: one sub-folder a step, with one `migration.sql` in it."""

from hashlib import sha256
from pathlib import Path

from hx_gateway.store.migrate.plan import Migration, kind_of
from hx_gateway.store.queries import Engine

_ROOT = Path(__file__).parents[1] / "sql" / "migrations"


def load_migrations(engine: Engine) -> tuple[Migration, ...]:
    """Read the migrations of this program for an engine, in the order in which they apply."""
    return read_folder(_ROOT / engine)


def read_folder(root: Path) -> tuple[Migration, ...]:
    """Read all steps under a folder, sorted by name; raises ValueError for a name without kind."""
    return tuple(_read(path) for path in sorted(root.iterdir()) if path.is_dir())


def _read(path: Path) -> Migration:
    kind = kind_of(path.name)
    if kind is None:
        raise ValueError(f"migration {path.name}: the name must be NNNN_pre_what or NNNN_post_what")
    content = (path / "migration.sql").read_bytes()
    return Migration(
        name=path.name,
        kind=kind,
        sql=content.decode("utf-8"),
        checksum=sha256(content).hexdigest(),
    )
