"""The table of contents of all addresses. Media addresses stand in `media.py`, in a table of their own."""

from typing import Any

from streamtime.http.api import captions as captions_api
from streamtime.http.api import docs, events, me, timeline, uploads, videos
from streamtime.http.assets import asset, favicon
from streamtime.http.health import healthz, readyz
from streamtime.http.metrics import metrics
from streamtime.http.pages import captions, edit, explore, history, jobs, library, sign_in, storage, upload, watch

ROUTES: tuple[Any, ...] = (
    # pages
    explore.home,
    explore.explore,
    explore.user_page,
    library.library,
    library.library_events,
    upload.upload_page,
    watch.watch,
    watch.set_visibility,
    watch.retry,
    edit.edit_page,
    edit.edit,
    captions.add_captions,
    captions.replace_captions,
    captions.delete_captions,
    edit.prepare_again,
    edit.delete_page,
    edit.delete,
    history.history_page,
    jobs.jobs_page,
    jobs.jobs_events,
    jobs.cancel,
    jobs.retry,
    jobs.hurry,
    storage.storage_page,
    storage.run_now,
    storage.make_again,
    sign_in.setup_page,
    sign_in.set_up,
    sign_in.login_page,
    sign_in.log_in,
    sign_in.log_out,
    # the API
    videos.list_videos,
    videos.get_video,
    videos.patch_video,
    videos.delete_video,
    videos.retry_video,
    captions_api.list_captions,
    captions_api.add_captions,
    captions_api.replace_captions,
    captions_api.delete_captions,
    timeline.get_timeline,
    uploads.upload_options,
    uploads.create_upload,
    uploads.head_upload,
    uploads.patch_upload,
    uploads.delete_upload,
    me.me,
    me.upload_config,
    events.events,
    docs.docs,
    # files and machines
    asset,
    favicon,
    healthz,
    readyz,
    metrics,
)
