"""What any earlier version left is taken over: its database is copied, brought to the newest schema, and plays."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.faults.downgrade import VERSIONS, downgrade
from tests.faults.operations import revision_of
from tests.server import Server, wait_until
from tests.system.player import hashes


def whole(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as database:
        dangling = database.execute("PRAGMA foreign_key_check").fetchall()
        return database.execute("PRAGMA integrity_check").fetchone() == ("ok",) and not dangling


def test_a_library_of_every_earlier_version_is_taken_over(server: Server, ladder_clip: Path) -> None:
    ann = server.person("ann")
    video = ann.upload(ladder_clip, title="From long ago", visibility="public")
    wait_until(lambda: ann.look(video)["state"] == "ready", "ready")
    wait_until(lambda: ann.look(video)["urls"]["storyboard"], "stills")
    played = hashes(ann.api, ann.look(video)["urls"]["master"])
    database, copies = server.data_dir / "streamtime.db", server.data_dir / "backups"
    for back in range(1, len(VERSIONS)):
        assert server.stop() == 0
        version = downgrade(server.data_dir, back=back)
        shutil.rmtree(copies, ignore_errors=True)
        server.start()
        assert ann.look(video)["title"] == "From long ago", version
        assert hashes(server.visitor().api, ann.look(video)["urls"]["master"]) == played, version
        assert [revision_of(copy) for copy in copies.glob("*.db")] == [version], "what was there is kept"
        assert whole(database), version
    assert "Traceback" not in server.log_output


def test_an_older_version_refuses_a_newer_database_and_goes_back_by_a_backup(server: Server, small_clip: Path) -> None:
    ann = server.person("ann")
    video = ann.upload(small_clip, title="Before the newer version")
    wait_until(lambda: ann.look(video)["state"] == "ready", "ready")
    server.run("backup", "before.tar")
    assert server.stop() == 0
    with closing(sqlite3.connect(server.data_dir / "streamtime.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    refused = server.command("serve", "--port", "0")
    assert refused.returncode != 0
    assert "newer Streamtime" in refused.stdout + refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr
    server.run("restore", "--replace", "before.tar")
    server.start()
    assert ann.look(video)["title"] == "Before the newer version"
    assert hashes(ann.api, ann.look(video)["urls"]["master"])
