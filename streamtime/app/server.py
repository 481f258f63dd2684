"""The composition root: builds everything, connects it, starts and stops it, with `core.py` and `jobs.py`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

from streamtime.addresses import ListenAddress
from streamtime.app.auth import OidcDependencies, build_oidc_provider, build_oidc_sign_in
from streamtime.app.core import (
    Infrastructure,
    MaintenanceServices,
    VideoServices,
    bucket_address,
    build_account_deletion,
    build_audit_retention,
    build_automatic_backups,
    build_maintenance_services,
    build_reservations,
    build_trash,
    build_upload_expiry,
    build_uploads,
    build_video_services,
    open_infrastructure,
)
from streamtime.app.jobs import PREPARE_NICE, job_queues, memory_budget, portrait_launcher, rungs, worker_launcher
from streamtime.app.maintenance import build_maintenance_scheduler
from streamtime.auth.access import AnonymousAccess, Visibility
from streamtime.auth.administration import Administration
from streamtime.auth.api_tokens import ApiTokens
from streamtime.auth.audit import AuditLog
from streamtime.auth.authentication import Authenticator, LastUsedTracker
from streamtime.auth.failed_logins import FailedLoginLog
from streamtime.auth.mfa import MfaChallenges, SecondFactor
from streamtime.auth.mfa_codes import SecondFactorCodes
from streamtime.auth.passwords import PasswordHashing
from streamtime.auth.profiles import ProfilePictures, Profiles
from streamtime.auth.rate_limits import RateLimiter
from streamtime.auth.refresh_tokens import AccessTokens, RefreshTokens
from streamtime.auth.registration import Invites, Registration, RegistrationMode, Setup
from streamtime.auth.sessions import Sessions
from streamtime.auth.sign_in import SignIn
from streamtime.auth.signing_keys import Purpose, SigningKeys
from streamtime.auth.users import Users
from streamtime.clock import SystemClock
from streamtime.config.sections import Config
from streamtime.errors import ConfigError, StreamtimeError
from streamtime.http.event_stream_limits import StreamLimits, StreamSlots
from streamtime.http.services import HttpSettings, Services
from streamtime.http.shared_texts import RenderCache
from streamtime.jobs.pool import JobPool
from streamtime.jobs.queue import JobOverview
from streamtime.logging import get_logger
from streamtime.maintenance.backup.automatic import DatabaseBackups, MaintenanceIntervals
from streamtime.maintenance.expiry import ExpiryScheduler
from streamtime.maintenance.orphans import Orphans
from streamtime.maintenance.overview import StorageOverview
from streamtime.periodic import every
from streamtime.playback.cache import PlaybackCache
from streamtime.playback.media_reader import MediaReader, SegmentCache
from streamtime.playback.playlists import Playlists, TextTracks
from streamtime.playback.segments import PresignedUrls, Segments
from streamtime.sharing.links import Links
from streamtime.sharing.tickets import Tickets, ViewSessions
from streamtime.sharing.upload_requests import UploadRequests
from streamtime.storage.objects.ledger import ObjectLocations
from streamtime.storage.s3.connections import client_for
from streamtime.transcoding.queue_status import QueueStatus
from streamtime.uploads.create import UploadCreation, UploadLimits
from streamtime.uploads.receive import Receiver
from streamtime.uploads.terminate import Termination
from streamtime.uploads.upload import UploadSpace
from streamtime.videos.editing import Editor, PosterChoice
from streamtime.videos.job_kinds import WorkQueue
from streamtime.videos.listing import Listing
from streamtime.videos.quota import StorageUsage
from streamtime.videos.videos import ProfileVisibility
from streamtime.workers.launcher import ConfinementCheck

FLUSH_INTERVAL_S = 3.0

_log = get_logger("app")


@asynccontextmanager
async def open_services(config: Config) -> AsyncIterator[Services]:
    """Everything that the HTTP room calls, with its files open; nothing is running yet."""
    async with AsyncExitStack() as stack:
        base = await open_infrastructure(config, stack)
        base.database.logs_faults = True
        library, keeping = build_video_services(base), build_maintenance_services(base)
        passwords = PasswordHashing()
        stack.callback(passwords.close)
        last_use = LastUsedTracker(base.database)
        pool = JobPool(base.queue, job_queues(config, base, library, keeping), base.clock)
        services = _services(config, base, library, keeping, passwords, last_use, pool)
        stack.push_async_callback(services.media_reader.close)
        yield services
        for flush in (library.progress.flush, last_use.flush, partial(services.failed_logins.flush, last=True)):
            with suppress(StreamtimeError):
                await flush()


@asynccontextmanager
async def run_background_tasks(services: Services, *, grace_s: float) -> AsyncIterator[None]:
    """The job pool and the writing of soft facts, for as long as the context lasts."""
    await services.database.write(services.lifecycle.recover)
    await services.pool.start()
    background = [
        asyncio.create_task(each)
        for each in (
            every(FLUSH_INTERVAL_S, services.progress.flush, "encode-progress"),
            every(FLUSH_INTERVAL_S, services.last_used.flush, "last-use"),
            every(FLUSH_INTERVAL_S, services.failed_logins.flush, "failed-logins"),
            services.confinement.log_status(),
            services.queue_status.run_forever(),
            services.maintenance_scheduler.run_forever(),
            services.expiry.run_forever(),
            services.database_backups.run_forever(),
        )
    ]
    try:
        yield
    finally:
        services.events.close()
        for task in background:
            task.cancel()
        # Waited for, since one may have a child, which goes with it.
        for ended in await asyncio.gather(*background, return_exceptions=True):
            if isinstance(ended, Exception):
                _log.error("background_task_failed", error=repr(ended))
        await services.pool.stop(grace_s=grace_s)


def http_settings(config: Config, listening: ListenAddress) -> HttpSettings:
    """What the HTTP room needs to know of the configuration."""
    return HttpSettings(
        listening=listening,
        public_url=config.server.public_url,
        allowed_hosts=config.server.allowed_hosts,
        metrics_token=config.server.metrics_token,
        rungs=rungs(config),
        keep_original=config.transcode.keep_original,
        encode_slots=config.transcode.workers,
        encode_budget_bytes=memory_budget(config),
        encode_minimum_free_bytes=int(config.transcode.minimum_free_space),
        frame_ancestors=config.server.frame_ancestors,
        shared_cache_s=int(config.server.shared_cache),
    )


def _services(
    config: Config,
    base: Infrastructure,
    library: VideoServices,
    maintenance: MaintenanceServices,
    passwords: PasswordHashing,
    last_use: LastUsedTracker,
    pool: JobPool,
) -> Services:
    audit = AuditLog(base.database, base.clock)
    users, sessions = Users(base.database, passwords, audit, base.clock), Sessions(base.database, audit, base.clock)
    catalogue = PlaybackCache(library.videos, library.renditions, library.captions, library.chapters, base.epoch)
    direct = PresignedUrls(base.stores, _redirect_stores(config))
    segments = Segments(catalogue, library.growing, library.stills, library.ledger, library.viewer_activity, direct)
    overview = JobOverview(base.database)
    rows = build_uploads(config, base)
    reservations = build_reservations(config, base)
    space = StorageUsage(base.database, reservations, quota_bytes=int(config.accounts.quota))
    room = UploadSpace(space, base.stores.spool, rows, minimum_free_bytes=int(config.uploads.minimum_free_space))
    bin_ = build_trash(config, base, library)
    expiry = ExpiryScheduler(
        base.database,
        WorkQueue(base.queue),
        bin_,
        build_upload_expiry(config, base, library),
        build_audit_retention(config, base),
        base.clock,
        expire_after_s=config.uploads.expire_after,
    )
    receiver = Receiver(
        base.database,
        rows,
        library.ledger,
        library.videos,
        library.ingest,
        library.progress,
        room,
        base.stores.spool,
        base.clock,
    )
    mode = RegistrationMode(config.accounts.registration)
    invites = Invites(base.database, audit, base.clock, mode=mode)
    lifetime_s = config.accounts.session_lifetime
    audit, limits = library.audit, RateLimiter(base.clock)
    failures = FailedLoginLog(base.database, audit, base.clock)
    codes = SecondFactorCodes(base.database, limits, audit, failures, base.clock)
    administration = Administration(base.database, passwords, sessions, audit, base.clock)
    sign_in = SignIn(base.database, users, passwords, codes, limits, audit, failures, base.clock, lifetime_s=lifetime_s)
    access_tokens = AccessTokens(SigningKeys(base.database, base.epoch, base.clock, Purpose.ACCESS), base.clock)
    ticket_keys = SigningKeys(base.database, base.epoch, base.clock, Purpose.TICKET)
    return Services(
        clock=base.clock,
        database=base.database,
        events=base.bus,
        stream_slots=StreamSlots(_stream_caps(config)),
        render_cache=RenderCache(base.bus, base.clock),
        audit=audit,
        rate_limiter=limits,
        failed_logins=failures,
        users=users,
        administration=administration,
        invites=invites,
        registration=Registration(base.database, users, invites, passwords, limits, mode=mode),
        profiles=Profiles(base.database),
        pictures=ProfilePictures(base.database, portrait_launcher(config), limits, audit),
        profile_visibility=ProfileVisibility(base.database),
        setup=Setup(users, limits),
        mfa_challenges=MfaChallenges(base.database, ticket_keys, base.clock),
        second_factor=SecondFactor(base.database, sessions, codes, audit, base.clock),
        sign_in=sign_in,
        oidc_sign_in=build_oidc_sign_in(
            config, base, audit, OidcDependencies(users, sign_in, administration, limits, failures)
        ),
        refresh_tokens=RefreshTokens(base.database, access_tokens, limits, audit, base.clock, lifetime_s=lifetime_s),
        sessions=sessions,
        api_tokens=ApiTokens(base.database, audit, base.clock),
        authenticator=Authenticator(
            base.database, base.epoch, access_tokens, last_use, base.clock, anonymous_access=_anonymous_reach(config)
        ),
        last_used=last_use,
        videos=library.videos,
        listing=Listing(base.database),
        editor=Editor(base.database, PosterChoice(base.queue), library.publisher, audit, base.clock),
        lifecycle=library.lifecycle,
        video_jobs=library.video_jobs,
        deletion=library.deletion,
        trash=bin_,
        account_deletion=build_account_deletion(base, library),
        duplicates=library.duplicates,
        progress=library.progress,
        renditions=library.renditions,
        ledger=library.ledger,
        stores=base.stores,
        store_metrics=base.store_numbers,
        segments=segments,
        playlists=Playlists(catalogue, segments, partial(library.recheck, base.database)),
        text_tracks=TextTracks(catalogue, library.captions),
        captions=library.captions,
        chapters=library.chapters,
        media_reader=MediaReader(base.stores, library.ledger, SegmentCache(config.storage.memory_cache)),
        uploads=rows,
        upload_creation=UploadCreation(
            base.database,
            rows,
            library.ledger,
            library.videos,
            library.ingest,
            library.deletion,
            room,
            base.stores.spool,
            _upload_limits(config),
        ),
        receiver=receiver,
        termination=Termination(base.database, library.videos, library.deletion, receiver),
        queue=base.queue,
        pool=pool,
        confinement=ConfinementCheck(worker_launcher(config, nice=PREPARE_NICE), base.clock),
        timeline=library.timeline,
        jobs=overview,
        worker_registry=library.worker_registry,
        usage=space,
        reservations=reservations,
        expiry=expiry,
        queue_status=QueueStatus(overview, pool, library.videos, library.progress, base.clock),
        maintenance_scheduler=build_maintenance_scheduler(config, base, maintenance),
        storage=StorageOverview(
            maintenance.inventory,
            ObjectLocations(base.database),
            Orphans(base.database, base.clock),
            base.stores,
            maintenance.ownership,
            maintenance.log,
        ),
        damage_reporter=library.damage_reporter,
        database_backups=DatabaseBackups(
            base.database,
            build_automatic_backups(config),
            base.clock,
            MaintenanceIntervals(config.backup.every, config.backup.check_every),
        ),
        tickets=Tickets(base.database, base.epoch, ticket_keys, base.clock),
        links=Links(base.database, passwords, limits, audit, base.clock),
        view_sessions=ViewSessions(ticket_keys, base.clock),
        upload_requests=UploadRequests(base.database, audit, base.clock),
    )


def require_usable(config: Config) -> None:
    """Build what the configuration alone can spoil, and drop it: called before anything is made on disk.

    Raises:
        ConfigError: it cannot be used, for example a file of certificates that holds none.
    """
    build_oidc_provider(config.accounts.oidc, SystemClock())
    rungs(config)
    address = bucket_address(config.storage.s3)
    if address is not None:
        for endpoint in (address.endpoint, address.public_endpoint or address.endpoint):
            client_for(address, endpoint)


def _anonymous_reach(config: Config) -> AnonymousAccess:
    """How far people without an account may look."""
    return AnonymousAccess.PUBLIC if config.accounts.anonymous_browsing else AnonymousAccess.NOTHING


def _redirect_stores(config: Config) -> list[str]:
    """The stores that serve public videos to browsers themselves."""
    chosen = config.storage.s3
    if not chosen.redirect_public or bucket_address(chosen) is None:
        return []
    if not chosen.public_endpoint:
        raise ConfigError("storage.s3.redirect_public needs storage.s3.public_endpoint: where browsers find it.")
    return ["s3"]


def _stream_caps(config: Config) -> StreamLimits:
    chosen = config.events
    return StreamLimits(chosen.streams, chosen.streams_per_address, chosen.streams_per_session)


def _upload_limits(config: Config) -> UploadLimits:
    return UploadLimits(
        max_size_bytes=int(config.uploads.max_size),
        minimum_free_bytes=int(config.uploads.minimum_free_space),
        chunk_size_bytes=int(config.uploads.chunk_size),
        default_visibility=Visibility(config.accounts.default_visibility),
    )
