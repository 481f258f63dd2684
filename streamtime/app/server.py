"""Composition of the server: builds all services, and starts and stops the job pool and the background tasks."""

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
from streamtime.auth.failed_login_log import FailedLoginLog
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
from streamtime.http.event_stream_state import RenderCache, StreamLimits, StreamSlots
from streamtime.http.services import HttpSettings, Services
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
from streamtime.transcoding.admission import QueueStatus
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
    """Open all services of the server; nothing is running yet."""
    async with AsyncExitStack() as stack:
        base = await open_infrastructure(config, stack)
        base.database.logs_faults = True
        video_services, maintenance = build_video_services(base), build_maintenance_services(base)
        passwords = PasswordHashing()
        stack.callback(passwords.close)
        last_use = LastUsedTracker(base.database)
        pool = JobPool(base.queue, job_queues(config, base, video_services, maintenance), base.clock)
        services = _services(config, base, video_services, maintenance, passwords, last_use, pool)
        stack.push_async_callback(services.media_reader.close)
        yield services
        for flush in (video_services.progress.flush, last_use.flush, partial(services.failed_logins.flush, last=True)):
            with suppress(StreamtimeError):
                await flush()


@asynccontextmanager
async def run_background_tasks(services: Services, *, grace_s: float) -> AsyncIterator[None]:
    """Run the job pool and the periodic tasks for as long as the context lasts."""
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
        # Wait for them: one may have a child process, which must end as well.
        for ended in await asyncio.gather(*background, return_exceptions=True):
            if isinstance(ended, Exception):
                _log.error("background_task_failed", error=repr(ended))
        await services.pool.stop(grace_s=grace_s)


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
        encode_minimum_free_bytes=int(config.transcode.minimum_free_space),
        frame_ancestors=config.server.frame_ancestors,
        shared_cache_s=int(config.server.shared_cache),
    )


def _services(
    config: Config,
    base: Infrastructure,
    video_services: VideoServices,
    maintenance: MaintenanceServices,
    passwords: PasswordHashing,
    last_use: LastUsedTracker,
    pool: JobPool,
) -> Services:
    audit = AuditLog(base.database, base.clock)
    users, sessions = Users(base.database, passwords, audit, base.clock), Sessions(base.database, audit, base.clock)
    playback_cache = PlaybackCache(
        video_services.videos, video_services.renditions, video_services.captions, video_services.chapters, base.epoch
    )
    direct = PresignedUrls(base.stores, _redirect_stores(config))
    segments = Segments(
        playback_cache,
        video_services.growing,
        video_services.stills,
        video_services.ledger,
        video_services.viewer_activity,
        direct,
    )
    overview = JobOverview(base.database)
    uploads = build_uploads(config, base)
    reservations = build_reservations(config, base)
    usage = StorageUsage(base.database, reservations, quota_bytes=int(config.accounts.quota))
    upload_space = UploadSpace(
        usage, base.stores.spool, uploads, minimum_free_bytes=int(config.uploads.minimum_free_space)
    )
    trash = build_trash(config, base, video_services)
    expiry = ExpiryScheduler(
        base.database,
        WorkQueue(base.queue),
        trash,
        build_upload_expiry(config, base, video_services),
        build_audit_retention(config, base),
        base.clock,
        expire_after_s=config.uploads.expire_after,
    )
    receiver = Receiver(
        base.database,
        uploads,
        video_services.ledger,
        video_services.videos,
        video_services.ingest,
        video_services.progress,
        upload_space,
        base.stores.spool,
        base.clock,
    )
    mode = RegistrationMode(config.accounts.registration)
    invites = Invites(base.database, audit, base.clock, mode=mode)
    lifetime_s = config.accounts.session_lifetime
    audit, rate_limiter = video_services.audit, RateLimiter(base.clock)
    failed_logins = FailedLoginLog(base.database, audit, base.clock)
    codes = SecondFactorCodes(base.database, rate_limiter, audit, failed_logins, base.clock)
    administration = Administration(base.database, passwords, sessions, audit, base.clock)
    sign_in = SignIn(
        base.database, users, passwords, codes, rate_limiter, audit, failed_logins, base.clock, lifetime_s=lifetime_s
    )
    access_tokens = AccessTokens(SigningKeys(base.database, base.epoch, base.clock, Purpose.ACCESS), base.clock)
    ticket_keys = SigningKeys(base.database, base.epoch, base.clock, Purpose.TICKET)
    return Services(
        clock=base.clock,
        database=base.database,
        events=base.bus,
        stream_slots=StreamSlots(_stream_limits(config)),
        render_cache=RenderCache(base.bus, base.clock),
        audit=audit,
        rate_limiter=rate_limiter,
        failed_logins=failed_logins,
        users=users,
        administration=administration,
        invites=invites,
        registration=Registration(base.database, users, invites, passwords, rate_limiter, mode=mode),
        profiles=Profiles(base.database),
        pictures=ProfilePictures(base.database, portrait_launcher(config), rate_limiter, audit),
        profile_visibility=ProfileVisibility(base.database),
        setup=Setup(users, rate_limiter),
        mfa_challenges=MfaChallenges(base.database, ticket_keys, base.clock),
        second_factor=SecondFactor(base.database, sessions, codes, audit, base.clock),
        sign_in=sign_in,
        oidc_sign_in=build_oidc_sign_in(
            config, base, audit, OidcDependencies(users, sign_in, administration, rate_limiter, failed_logins)
        ),
        refresh_tokens=RefreshTokens(
            base.database, access_tokens, rate_limiter, audit, base.clock, lifetime_s=lifetime_s
        ),
        sessions=sessions,
        api_tokens=ApiTokens(base.database, audit, base.clock),
        authenticator=Authenticator(
            base.database, base.epoch, access_tokens, last_use, base.clock, anonymous_access=_anonymous_access(config)
        ),
        last_used=last_use,
        videos=video_services.videos,
        listing=Listing(base.database),
        editor=Editor(base.database, PosterChoice(base.queue), video_services.publisher, audit, base.clock),
        lifecycle=video_services.lifecycle,
        video_jobs=video_services.video_jobs,
        deletion=video_services.deletion,
        trash=trash,
        account_deletion=build_account_deletion(base, video_services),
        duplicates=video_services.duplicates,
        progress=video_services.progress,
        renditions=video_services.renditions,
        ledger=video_services.ledger,
        stores=base.stores,
        store_metrics=base.store_metrics,
        segments=segments,
        playlists=Playlists(playback_cache, segments, partial(video_services.recheck, base.database)),
        text_tracks=TextTracks(playback_cache, video_services.captions),
        captions=video_services.captions,
        chapters=video_services.chapters,
        media_reader=MediaReader(base.stores, video_services.ledger, SegmentCache(config.storage.memory_cache)),
        uploads=uploads,
        upload_creation=UploadCreation(
            base.database,
            uploads,
            video_services.ledger,
            video_services.videos,
            video_services.ingest,
            video_services.deletion,
            upload_space,
            base.stores.spool,
            _upload_limits(config),
        ),
        receiver=receiver,
        termination=Termination(base.database, video_services.videos, video_services.deletion, receiver),
        queue=base.queue,
        pool=pool,
        confinement=ConfinementCheck(worker_launcher(config, nice=PREPARE_NICE), base.clock),
        timeline=video_services.timeline,
        jobs=overview,
        worker_registry=video_services.worker_registry,
        usage=usage,
        reservations=reservations,
        expiry=expiry,
        queue_status=QueueStatus(overview, pool, video_services.videos, video_services.progress, base.clock),
        maintenance_scheduler=build_maintenance_scheduler(config, base, maintenance),
        storage=StorageOverview(
            maintenance.inventory,
            ObjectLocations(base.database),
            Orphans(base.database, base.clock),
            base.stores,
            maintenance.ownership,
            maintenance.log,
        ),
        damage_reporter=video_services.damage_reporter,
        database_backups=DatabaseBackups(
            base.database,
            build_automatic_backups(config),
            base.clock,
            MaintenanceIntervals(config.backup.every, config.backup.check_every),
        ),
        tickets=Tickets(base.database, base.epoch, ticket_keys, base.clock),
        links=Links(base.database, passwords, rate_limiter, audit, base.clock),
        view_sessions=ViewSessions(ticket_keys, base.clock),
        upload_requests=UploadRequests(base.database, audit, base.clock),
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
            client_for(address, endpoint)


def _anonymous_access(config: Config) -> AnonymousAccess:
    """Return what visitors without an account may see."""
    return AnonymousAccess.PUBLIC if config.accounts.anonymous_browsing else AnonymousAccess.NOTHING


def _redirect_stores(config: Config) -> list[str]:
    """Return the names of the stores that browsers are redirected to for public videos."""
    chosen = config.storage.s3
    if not chosen.redirect_public or bucket_address(chosen) is None:
        return []
    if not chosen.public_endpoint:
        raise ConfigError("storage.s3.redirect_public needs storage.s3.public_endpoint.")
    return ["s3"]


def _stream_limits(config: Config) -> StreamLimits:
    chosen = config.events
    return StreamLimits(chosen.streams, chosen.streams_per_address, chosen.streams_per_session)


def _upload_limits(config: Config) -> UploadLimits:
    return UploadLimits(
        max_size_bytes=int(config.uploads.max_size),
        minimum_free_bytes=int(config.uploads.minimum_free_space),
        chunk_size_bytes=int(config.uploads.chunk_size),
        default_visibility=Visibility(config.accounts.default_visibility),
    )
