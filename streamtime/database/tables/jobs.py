"""The table of jobs."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, text

from streamtime.database.tables.columns import at, metadata, one_of, row_id

jobs = Table(
    "jobs",
    metadata,
    row_id(),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False, index=True),
    Column("dedup_key", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("max_attempts", Integer, nullable=False),
    Column("weight", BigInteger, nullable=False, server_default=text("0")),
    Column("run_after_ms", BigInteger, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until_ms", BigInteger),
    Column("failure_code", Text),
    Column("failure_message", Text),
    Column("fair_key", Text, nullable=False, server_default=text("''")),
    at("created"),
    at("started", nullable=True),
    at("finished", nullable=True),
    one_of("state", ("queued", "running", "done", "failed", "cancelled")),
    Index(
        "uq_jobs_dedup_key_active",
        "dedup_key",
        unique=True,
        sqlite_where=text("state IN ('queued', 'running')"),
        postgresql_where=text("state IN ('queued', 'running')"),
    ),
    Index("ix_jobs_claim", "state", "priority", "run_after_ms", "id"),
    Index("ix_jobs_started_at_ms", "started_at_ms"),
    sqlite_autoincrement=True,
)
