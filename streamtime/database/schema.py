"""How tables are written down: one catalogue of them, the naming of constraints, and the columns that many have."""

from collections.abc import Iterable

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Integer, MetaData, Text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

RowId = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite makes only an INTEGER primary key an alias of the row id."""


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """The values that a column may have."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def row_id() -> Column[int]:
    """The row id, which stays inside."""
    return Column("id", RowId, primary_key=True)


def public_id() -> Column[str]:
    """The id that leaves the server."""
    return Column("public_id", Text, nullable=False, unique=True)


def at(name: str, *, nullable: bool = False) -> Column[int]:
    """A moment, in milliseconds since the epoch, UTC."""
    return Column(f"{name}_at_ms", BigInteger, nullable=nullable)


def owner() -> Column[int]:
    """Whose it is. An account that has any stays."""
    return Column("owner_id", RowId, ForeignKey("users.id"), nullable=False)


def user() -> Column[int]:
    """The account that it belongs to and goes with."""
    return Column("user_id", RowId, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True)


def maker() -> Column[int]:
    """Who made it, with whom it goes."""
    return Column("owner_id", RowId, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True)


def video(*, index: bool = False) -> Column[int]:
    """The video that it belongs to and goes with."""
    return Column("video_id", RowId, ForeignKey("videos.id", ondelete="CASCADE"), nullable=False, index=index)
