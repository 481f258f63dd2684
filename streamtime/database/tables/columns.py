"""The metadata of all tables, and common columns."""

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
"""In SQLite only an INTEGER primary key is an alias of the row id."""


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """A constraint that limits a column to these values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def row_id() -> Column[int]:
    """The row id, which is never exposed."""
    return Column("id", RowId, primary_key=True)


def public_id() -> Column[str]:
    """The id in URLs and in the API."""
    return Column("public_id", Text, nullable=False, unique=True)


def at(name: str, *, nullable: bool = False) -> Column[int]:
    """A point in time, in milliseconds since the epoch, UTC."""
    return Column(f"{name}_at_ms", BigInteger, nullable=nullable)


def owner() -> Column[int]:
    """The owning account, which cannot be deleted while it owns such rows."""
    return Column("owner_id", RowId, ForeignKey("users.id"), nullable=False)


def user() -> Column[int]:
    """The account of the row; deleted with it."""
    return Column("user_id", RowId, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True)


def maker() -> Column[int]:
    """The account that created the row; deleted with it."""
    return Column("owner_id", RowId, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True)


def video(*, index: bool = False) -> Column[int]:
    """The video of the row; deleted with it."""
    return Column("video_id", RowId, ForeignKey("videos.id", ondelete="CASCADE"), nullable=False, index=index)
