"""Composition of the server: builds all services, and starts and stops the job pool and the background tasks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

from streamtime.addresses import ListenAddress
from streamtime.app.auth import (
    anonymous_access,
    build_account_management,
    build_accounts,
    build_auth,
    build_oidc_provider,
)
from streamtime.app.core import Infrastructure, bucket_address, build_store_records, open_infrastructure
from streamtime.app.jobs import build_jobs, memory_budget, rungs
from streamtime.app.maintenance import build_maintenance
from streamtime.app.settings import apply_settings, build_server_settings
from streamtime.app.videos import (
    build_account_deletion,
    build_grants,
    build_library,
    build_playback,
    build_playlists,
    build_shared_state,
    build_storage,
    build_uploads,
    build_videos,
)
from streamtime.auth.access import Caller
from streamtime.auth.groups import Groups
from streamtime.auth.passwords import PasswordHashing
from streamtime.auth.signing_keys import Purpose, SigningKeys
from streamtime.clock import SystemClock
from streamtime.config.sections import Config
from streamtime.config.stored import LoadedConfig
from streamtime.errors import StreamtimeError
from streamtime.http.event_stream_state import RenderCache, StreamLimits, StreamSlots
from streamtime.http.services import HttpSettings, NoticeServices, Services, SharingServices, StreamServices
from streamtime.logging import get_logger
from streamtime.periodic import every
from streamtime.sharing.links import Links
from streamtime.sharing.tickets import Tickets, ViewSessions
from streamtime.sharing.upload_requests import UploadRequests
from streamtime.storage.s3.connections import client_for, pool_for
from streamtime.videos.notice_list import NoticeList

FLUSH_INTERVAL_S = 3.0

_log = get_logger("app")


@asynccontextmanager
async def open_services(loaded: LoadedConfig, *, sweep: bool = True) -> AsyncIterator[Services]:
    """Open all services of the server; nothing is running yet. `sweep` as for `open_infrastructure`."""
    config = loaded.config
    async with AsyncExitStack() as stack:
        base = await open_infrastructure(config, stack, sweep=sweep)
        base.database.logs_faults = True
        passwords = PasswordHashing()
        stack.callback(passwords.close)
        services = _build_services(loaded, base, passwords)
        services.server_settings.on_change = lambda stored: apply_settings(services, loaded.with_stored(stored).config)
        stack.push_async_callback(services.playback.media_reader.close)
        yield services
        for flush in (
            services.videos.progress.flush,
            services.auth.last_used.flush,
            services.videos.watching.flush,
            partial(services.auth.failed_logins.flush, last=True),
        ):
            with suppress(StreamtimeError):
                await flush()


def _build_services(loaded: LoadedConfig, base: Infrastructure, passwords: PasswordHashing) -> Services:
    config = loaded.config
    shared, records = build_shared_state(base), build_store_records(base)
    videos, storage = build_videos(config, base), build_storage(config, base)
    playlists = build_playlists(base)
    management = build_account_management(config, base.database, base.clock, passwords, base.notices)
    ticket_keys = SigningKeys(base.database, base.epoch, base.clock, Purpose.TICKET)
    return Services(
        clock=base.clock,
        database=base.database,
        server_settings=build_server_settings(loaded, base),
        accounts=build_accounts(config, management, build_account_deletion(base, videos)),
        auth=build_auth(config, base, management, ticket_keys),
        videos=videos,
        playlists=playlists,
        library=build_library(base, videos, playlists),
        uploads=build_uploads(config, base, videos, storage),
        playback=build_playback(config, base, videos, shared),
        sharing=SharingServices(
            tickets=Tickets(base.database, base.epoch, ticket_keys, base.clock),
            links=Links(base.database, passwords, management.rate_limiter, base.audit, base.clock),
            view_sessions=ViewSessions(ticket_keys, base.clock),
            upload_requests=UploadRequests(base.database, base.audit, base.clock),
            groups=Groups(base.database, base.audit, base.clock),
            grants=build_grants(base),
        ),
        jobs=build_jobs(config, base, videos, shared, records),
        storage=storage,
        maintenance=build_maintenance(config, base, videos, records),
        notices=NoticeServices(base.notices, NoticeList(base.database)),
        streams=StreamServices(
            bus=base.bus, slots=StreamSlots(_stream_limits(config)), render_cache=RenderCache(base.bus, base.clock)
        ),
    )


@asynccontextmanager
async def run_background_tasks(services: Services, *, grace_s: float) -> AsyncIterator[None]:
    """Run the job pool and the periodic tasks for as long as the context lasts."""
    await services.database.write(services.videos.lifecycle.recover)
    await services.notices.notices.load_counts()
    await services.jobs.pool.start()
    background = [
        asyncio.create_task(each)
        for each in (
            every(FLUSH_INTERVAL_S, services.videos.progress.flush, "encode-progress"),
            every(FLUSH_INTERVAL_S, services.auth.last_used.flush, "last-use"),
            every(FLUSH_INTERVAL_S, services.videos.watching.flush, "watching"),
            every(FLUSH_INTERVAL_S, services.auth.failed_logins.flush, "failed-logins"),
            services.videos.search_indexer.run_forever(),
            services.jobs.confinement.log_status(),
            services.jobs.status.run_forever(),
            services.maintenance.scheduler.run_forever(),
            services.maintenance.expiry.run_forever(),
            services.maintenance.alerts.run_forever(),
            services.maintenance.space_history.run_forever(),
            services.maintenance.database_backups.run_forever(),
        )
    ]
    try:
        yield
    finally:
        services.streams.bus.close()
        for task in background:
            task.cancel()
        # Wait for them: one may have a child process, which must end as well.
        for ended in await asyncio.gather(*background, return_exceptions=True):
            if isinstance(ended, Exception):
                _log.error("background_task_failed", error=repr(ended))
        await services.jobs.pool.stop(grace_s=grace_s)


def http_settings(config: Config, listening: ListenAddress) -> HttpSettings:
    """Return the settings of the HTTP server."""
    return HttpSettings(
        listening=listening,
        public_url=config.server.public_url,
        allowed_hosts=config.server.allowed_hosts,
        metrics_token=config.server.metrics_token,
        rungs=rungs(config),
        keep_original=config.transcode.keep_original,
        encode_slots=config.transcode.workers,
        encode_budget_bytes=memory_budget(config),
        frame_ancestors=config.server.frame_ancestors,
        shared_cache_s=int(config.server.shared_cache),
        anonymous=Caller(anonymous_access=anonymous_access(config)),
        started_at_ms=SystemClock().now_ms(),
    )


def require_usable(config: Config) -> None:
    """Build everything that a wrong configuration can make fail, before anything is written to disk.

    Raises:
        ConfigError: the configuration cannot be used, for example a CA file without certificates.
    """
    build_oidc_provider(config.accounts.oidc, SystemClock())
    rungs(config)
    address = bucket_address(config.storage.s3)
    if address is not None:
        for endpoint in (address.endpoint, address.public_endpoint or address.endpoint):
            client_for(address, endpoint, pool_for(address, endpoint))


def _stream_limits(config: Config) -> StreamLimits:
    chosen = config.events
    return StreamLimits(chosen.streams, chosen.streams_per_address, chosen.streams_per_session)
