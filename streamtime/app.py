"""The composition root: builds everything, connects it, starts and stops it, with `rooms.py` and `lanes.py`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

from streamtime.access.caller import Reach
from streamtime.access.rules import Visibility
from streamtime.accounts.access_tokens import AccessTokens
from streamtime.accounts.administration import Administration
from streamtime.accounts.api_tokens import ApiTokens
from streamtime.accounts.audit import Audit
from streamtime.accounts.credentials import Credentials
from streamtime.accounts.factor_codes import FactorCodes
from streamtime.accounts.failures import Failures
from streamtime.accounts.half_way import HalfWay
from streamtime.accounts.invites import Door, Invites
from streamtime.accounts.last_use import LastUse
from streamtime.accounts.limits import Limits
from streamtime.accounts.passwords import PasswordHashing
from streamtime.accounts.pictures import Pictures
from streamtime.accounts.profiles import Profiles
from streamtime.accounts.refreshing import Refreshing
from streamtime.accounts.registration import Registration
from streamtime.accounts.second_factor import SecondFactor
from streamtime.accounts.sessions import Sessions
from streamtime.accounts.setup import Setup
from streamtime.accounts.sign_in import SignIn
from streamtime.accounts.signing_keys import Purpose, SigningKeys
from streamtime.accounts.users import Users
from streamtime.addresses import Listening
from streamtime.backups.keeper import DatabaseKeeper, Pace
from streamtime.care import rounds
from streamtime.clock import SystemClock
from streamtime.config.sections import Config
from streamtime.database.transaction import Database
from streamtime.errors import ConfigError, StreamtimeError
from streamtime.http.places import Places, StreamCaps
from streamtime.http.services import HttpSettings, Services
from streamtime.http.shared_texts import SharedTexts
from streamtime.jobs.overview import JobOverview
from streamtime.jobs.pool import JobPool
from streamtime.lanes import PREPARE_NICE, lanes, memory_budget, portrait_launcher, rungs, worker_launcher
from streamtime.library.acquaintance import Acquaintance
from streamtime.library.editing import Editor
from streamtime.library.listing import Listing
from streamtime.library.poster_choice import PosterChoice
from streamtime.library.space import Space
from streamtime.library.work import Work
from streamtime.logging import get_logger
from streamtime.objects.overview import StorageOverview
from streamtime.objects.strays import Strays
from streamtime.objects.whereabouts import Whereabouts
from streamtime.periodic import every
from streamtime.pipeline.expiry import ExpirySchedule
from streamtime.pipeline.waiting import WaitingRoom
from streamtime.playback.catalogue import Catalogue
from streamtime.playback.direct import Direct
from streamtime.playback.hot_segments import HotSegments
from streamtime.playback.media_bytes import MediaReader
from streamtime.playback.playlists import Playlists
from streamtime.playback.segments import Segments
from streamtime.playback.texts import Texts
from streamtime.providers import ProviderRooms, provider_of, provider_sign_in_on
from streamtime.rooms import (
    Foundation,
    Keeping,
    Library,
    audit_term,
    automatic_copies,
    bin_on,
    bucket_address,
    closing_on,
    copies_folders,
    database_path,
    keeping_of,
    library_on,
    open_foundation,
    reservations_on,
    upload_expiry,
    upload_rows,
)
from streamtime.sharing.drops import Drops
from streamtime.sharing.links import Links
from streamtime.sharing.openings import Openings
from streamtime.sharing.tickets import Tickets
from streamtime.storage.s3_connections import client_for
from streamtime.uploads.create import UploadCreation, UploadLimits
from streamtime.uploads.receive import Receiver
from streamtime.uploads.room import Room
from streamtime.uploads.terminate import Termination
from streamtime.workers.self_report import SelfReport

SOFT_FACTS_EVERY_S = 3.0

_log = get_logger("app")


@dataclass(frozen=True, slots=True)
class Accounts:
    """What commands need that set a server up, whether it runs or not."""

    database: Database
    users: Users
    tokens: ApiTokens
    administration: Administration
    invites: Invites
    sessions: Sessions
    second_factor: SecondFactor


@asynccontextmanager
async def open_accounts(config: Config) -> AsyncIterator[Accounts]:
    """Accounts alone, beside a running server or without one."""
    clock = SystemClock()
    passwords = PasswordHashing()
    database = Database(database_path(config), copies=copies_folders(config))
    try:
        audit = Audit(database, clock)
        users = Users(database, passwords, audit, clock)
        sessions = Sessions(database, audit, clock)
        administration = Administration(database, passwords, sessions, audit, clock)
        tokens = ApiTokens(database, audit, clock)
        invites = Invites(database, audit, clock, door=Door(config.accounts.registration))
        codes = FactorCodes(database, Limits(clock), audit, Failures(database, audit, clock), clock)
        second_factor = SecondFactor(database, sessions, codes, audit, clock)
        yield Accounts(database, users, tokens, administration, invites, sessions, second_factor)
    finally:
        await database.close()
        passwords.close()


@asynccontextmanager
async def open_services(config: Config) -> AsyncIterator[Services]:
    """Everything that the HTTP room calls, with its files open; nothing is running yet."""
    async with AsyncExitStack() as stack:
        base = await open_foundation(config, stack)
        base.database.logs_faults = True
        library, keeping = library_on(base), keeping_of(base)
        passwords = PasswordHashing()
        stack.callback(passwords.close)
        last_use = LastUse(base.database)
        pool = JobPool(base.queue, lanes(config, base, library, keeping), base.clock)
        services = _services(config, base, library, keeping, passwords, last_use, pool)
        stack.push_async_callback(services.media_reader.close)
        yield services
        for flush in (library.progress.flush, last_use.flush, partial(services.failures.flush, last=True)):
            with suppress(StreamtimeError):
                await flush()


@asynccontextmanager
async def running(services: Services, *, grace_s: float) -> AsyncIterator[None]:
    """The job pool and the writing of soft facts, for as long as the context lasts."""
    await services.database.write(services.lifecycle.recover)
    await services.pool.start()
    background = [
        asyncio.create_task(each)
        for each in (
            every(SOFT_FACTS_EVERY_S, services.progress.flush, "encode-progress"),
            every(SOFT_FACTS_EVERY_S, services.last_use.flush, "last-use"),
            every(SOFT_FACTS_EVERY_S, services.failures.flush, "failed-logins"),
            services.workers.log(),
            services.waiting.keep(),
            services.rounds.keep(),
            services.expiry.keep(),
            services.keeper.keep(),
        )
    ]
    try:
        yield
    finally:
        services.bus.close()
        for task in background:
            task.cancel()
        # Waited for, since one may have a child, which goes with it.
        for ended in await asyncio.gather(*background, return_exceptions=True):
            if isinstance(ended, Exception):
                _log.error("background_task_failed", error=repr(ended))
        await services.pool.stop(grace_s=grace_s)


def http_settings(config: Config, listening: Listening) -> HttpSettings:
    """What the HTTP room needs to know of the configuration."""
    return HttpSettings(
        listening=listening,
        public_url=config.server.public_url,
        allowed_hosts=config.server.allowed_hosts,
        metrics_token=config.server.metrics_token,
        rungs=rungs(config),
        keep_original=config.transcode.keep_original,
        encode_places=config.transcode.workers,
        encode_budget_bytes=memory_budget(config),
        encode_minimum_free_bytes=int(config.transcode.minimum_free_space),
        frame_ancestors=config.server.frame_ancestors,
        shared_cache_s=int(config.server.shared_cache),
    )


def _services(
    config: Config,
    base: Foundation,
    library: Library,
    keeping: Keeping,
    passwords: PasswordHashing,
    last_use: LastUse,
    pool: JobPool,
) -> Services:
    audit = Audit(base.database, base.clock)
    users, sessions = Users(base.database, passwords, audit, base.clock), Sessions(base.database, audit, base.clock)
    catalogue = Catalogue(library.videos, library.renditions, library.captions, library.chapters, base.epoch)
    direct = Direct(base.stores, _serving_browsers(config))
    segments = Segments(catalogue, library.growing, library.stills, library.ledger, library.watching, direct)
    overview = JobOverview(base.database)
    rows = upload_rows(config, base)
    reservations = reservations_on(config, base)
    space = Space(base.database, reservations, quota_bytes=int(config.accounts.quota))
    room = Room(space, base.stores.spool, rows, minimum_free_bytes=int(config.uploads.minimum_free_space))
    bin_ = bin_on(config, base, library)
    expiry = ExpirySchedule(
        base.database,
        Work(base.queue),
        bin_,
        upload_expiry(config, base, library),
        audit_term(config, base),
        base.clock,
        expire_after_s=config.uploads.expire_after,
    )
    receiver = Receiver(
        base.database,
        rows,
        library.ledger,
        library.videos,
        library.arrivals,
        library.progress,
        room,
        base.stores.spool,
        base.clock,
    )
    door = Door(config.accounts.registration)
    invites = Invites(base.database, audit, base.clock, door=door)
    lifetime_s = config.accounts.session_lifetime
    audit, limits = library.audit, Limits(base.clock)
    failures = Failures(base.database, audit, base.clock)
    codes = FactorCodes(base.database, limits, audit, failures, base.clock)
    administration = Administration(base.database, passwords, sessions, audit, base.clock)
    sign_in = SignIn(base.database, users, passwords, codes, limits, audit, failures, base.clock, lifetime_s=lifetime_s)
    access_tokens = AccessTokens(SigningKeys(base.database, base.epoch, base.clock, Purpose.ACCESS), base.clock)
    ticket_keys = SigningKeys(base.database, base.epoch, base.clock, Purpose.TICKET)
    return Services(
        clock=base.clock,
        database=base.database,
        bus=base.bus,
        places=Places(_stream_caps(config)),
        shared_texts=SharedTexts(base.bus, base.clock),
        audit=audit,
        limits=limits,
        failures=failures,
        users=users,
        administration=administration,
        invites=invites,
        registration=Registration(base.database, users, invites, passwords, limits, door=door),
        profiles=Profiles(base.database),
        pictures=Pictures(base.database, portrait_launcher(config), limits, audit),
        acquaintance=Acquaintance(base.database),
        setup=Setup(users, limits),
        half_way=HalfWay(base.database, ticket_keys, base.clock),
        second_factor=SecondFactor(base.database, sessions, codes, audit, base.clock),
        sign_in=sign_in,
        provider_sign_in=provider_sign_in_on(
            config, base, audit, ProviderRooms(users, sign_in, administration, limits, failures)
        ),
        refreshing=Refreshing(base.database, access_tokens, limits, audit, base.clock, lifetime_s=lifetime_s),
        sessions=sessions,
        api_tokens=ApiTokens(base.database, audit, base.clock),
        credentials=Credentials(
            base.database, base.epoch, access_tokens, last_use, base.clock, strangers=_reach(config)
        ),
        last_use=last_use,
        videos=library.videos,
        listing=Listing(base.database),
        editor=Editor(base.database, PosterChoice(base.queue), library.news, audit, base.clock),
        lifecycle=library.lifecycle,
        steering=library.steering,
        deletion=library.deletion,
        bin=bin_,
        closing=closing_on(base, library),
        duplicates=library.duplicates,
        progress=library.progress,
        renditions=library.renditions,
        ledger=library.ledger,
        stores=base.stores,
        store_numbers=base.store_numbers,
        segments=segments,
        playlists=Playlists(catalogue, segments, partial(library.recheck, base.database)),
        texts=Texts(catalogue, library.captions),
        captions=library.captions,
        chapters=library.chapters,
        media_reader=MediaReader(base.stores, library.ledger, HotSegments(config.storage.memory_cache)),
        uploads=rows,
        upload_creation=UploadCreation(
            base.database,
            rows,
            library.ledger,
            library.videos,
            library.arrivals,
            library.deletion,
            room,
            base.stores.spool,
            _upload_limits(config),
        ),
        receiver=receiver,
        termination=Termination(base.database, library.videos, library.deletion, receiver),
        queue=base.queue,
        pool=pool,
        workers=SelfReport(worker_launcher(config, nice=PREPARE_NICE), base.clock),
        timeline=library.timeline,
        jobs=overview,
        roster=library.roster,
        space=space,
        reservations=reservations,
        expiry=expiry,
        waiting=WaitingRoom(overview, pool, library.videos, library.progress, base.clock),
        rounds=rounds(config, base, keeping),
        storage=StorageOverview(
            keeping.inventory,
            Whereabouts(base.database),
            Strays(base.database, base.clock),
            base.stores,
            keeping.deployment,
            keeping.upkeep,
        ),
        damage=library.damage,
        keeper=DatabaseKeeper(
            base.database,
            automatic_copies(config),
            base.clock,
            Pace(config.backup.every, config.backup.check_every),
        ),
        tickets=Tickets(base.database, base.epoch, ticket_keys, base.clock),
        links=Links(base.database, passwords, limits, audit, base.clock),
        openings=Openings(ticket_keys, base.clock),
        drops=Drops(base.database, audit, base.clock),
    )


def require_usable(config: Config) -> None:
    """Build what the configuration alone can spoil, and drop it: called before anything is made on disk.

    Raises:
        ConfigError: it cannot be used, for example a file of certificates that holds none.
    """
    provider_of(config.accounts.oidc, SystemClock())
    rungs(config)
    address = bucket_address(config.storage.s3)
    if address is not None:
        for endpoint in (address.endpoint, address.public_endpoint or address.endpoint):
            client_for(address, endpoint)


def _reach(config: Config) -> Reach:
    """How far people without an account may look."""
    return Reach.PUBLIC if config.accounts.anonymous_browsing else Reach.NOTHING


def _serving_browsers(config: Config) -> list[str]:
    """The stores that serve public videos to browsers themselves."""
    chosen = config.storage.s3
    if not chosen.redirect_public or bucket_address(chosen) is None:
        return []
    if not chosen.public_endpoint:
        raise ConfigError("storage.s3.redirect_public needs storage.s3.public_endpoint: where browsers find it.")
    return ["s3"]


def _stream_caps(config: Config) -> StreamCaps:
    chosen = config.events
    return StreamCaps(chosen.streams, chosen.streams_per_address, chosen.streams_per_session)


def _upload_limits(config: Config) -> UploadLimits:
    return UploadLimits(
        max_size_bytes=int(config.uploads.max_size),
        minimum_free_bytes=int(config.uploads.minimum_free_space),
        chunk_size_bytes=int(config.uploads.chunk_size),
        default_visibility=Visibility(config.accounts.default_visibility),
    )
