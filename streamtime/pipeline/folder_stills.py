"""The storyboard and the preview of an HLS folder, out of its smallest picture, as the server's job makes them."""

import os
from contextlib import ExitStack

from streamtime.hls.storyboard import sheet_name, storyboard_vtt
from streamtime.library.renditions import RenditionKind
from streamtime.pipeline.folder import PREVIEW, STORYBOARD
from streamtime.pipeline.folder_making import PackagingState
from streamtime.pipeline.packaged import PackagingProgress
from streamtime.pipeline.sounds import DISK_CODES
from streamtime.pipeline.stills_plan import StillsPlan
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import WorkerLauncher


async def make_stills(state: PackagingState, launcher: WorkerLauncher) -> bool:
    """Make them, and tell whether they are there: a folder without them plays as well.

    Raises:
        WorkerFailed: the disk is full or broken.
    """
    state.on_progress(PackagingProgress("Preparing the storyboard", 1.0))
    smallest = min(
        (made for made in state.renditions if made.new.kind is RenditionKind.VIDEO),
        key=lambda m: m.started.width * m.started.height,
    )
    plan = StillsPlan(smallest.index, smallest.started.width, smallest.started.height)
    names = [*map(sheet_name, range(plan.board.sheets)), PREVIEW]
    try:
        with ExitStack() as stack:
            source = state.folder.open_joined(smallest.new.name, len(smallest.index.segments))
            stack.callback(os.close, source)
            outputs = []
            for name in names:
                outputs.append(state.folder.file(name))
                stack.callback(os.close, outputs[-1])
            async with launcher.launch(source) as worker:
                async for _message in worker.stills(plan.order(), outputs):
                    pass
    except WorkerFailed as error:
        if error.code in DISK_CODES:
            raise
        for name in names:
            state.folder.drop(name)
        state.notes.append(f"No storyboard could be made: {error.message}")
        return False
    state.folder.write(STORYBOARD, storyboard_vtt(plan.board, plan.duration_ms))
    return True
