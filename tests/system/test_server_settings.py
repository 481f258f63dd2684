"""Settings that administrators change on a page and by the API: in force at once, checked, audited, and overridden."""

from typing import Any

from tests.people import Person, csrf_of
from tests.server import running_server

SETTINGS = "/api/v1/admin/settings"
PAGE = "/admin/settings"


def settings(boss: Person) -> dict[str, dict[str, Any]]:
    return {item["key"]: item for item in boss.api.get(SETTINGS).raise_for_status().json()["items"]}


def change(boss: Person, **values: str | None) -> dict[str, Any]:
    named = {key.replace("__", "."): value for key, value in values.items()}
    answer = boss.api.patch(SETTINGS, json={"settings": named})
    found: dict[str, Any] = answer.json()
    return found if answer.is_error else {}


def test_settings_are_in_force_at_once_and_after_a_restart() -> None:
    with running_server(STREAMTIME_UPLOADS__MAX_SIZE="1 GiB") as server:
        boss = server.person("boss", admin=True)
        visitor = server.client()
        assert visitor.get("/register").status_code == 404
        assert change(boss, accounts__registration="open", accounts__quota="2048mib", storage__bin_days="3") == {}
        assert visitor.get("/register").status_code == 200
        assert boss.api.get("/api/v1/me").json()["quota"]["limit"] == 2 << 30
        assert settings(boss)["accounts.quota"]["value"] == "2 GiB"
        assert settings(boss)["accounts.quota"]["source"] == "database"
        assert change(boss, accounts__default_visibility="members") == {}
        assert boss.api.get("/api/v1/upload-config").json()["default_visibility"] == "members"

        refused = change(boss, storage__bin_days="0", transcode__quiet_hours="late")
        assert (refused["field"], refused["status"]) == ("transcode.quiet_hours", 400)
        assert settings(boss)["storage.bin_days"]["value"] == "3", "all or none"
        assert change(boss, server__port="1")["status"] == 400
        assert change(boss, uploads__max_size="2 GiB")["code"] == "set_by_configuration"
        assert change(boss, transcode__workers="2") == {}
        workers = settings(boss)["transcode.workers"]
        assert (workers["value"], workers["running"], workers["takes_effect"]) == ("2", "1", "after_restart")

        page = boss.browser.get(PAGE).text
        assert "<code>uploads.max_size</code> is set in STREAMTIME_UPLOADS__MAX_SIZE" in page
        assert all(f'name="{key}"' in page for key in settings(boss)), "each has a field"
        form = {"csrf_token": csrf_of(page), "accounts.quota": "", "accounts.registration": "none"}
        assert 'aria-invalid="true"' in boss.browser.post(PAGE, data=form).text
        assert boss.browser.post(PAGE, data={**form, "accounts.registration": "invite"}).status_code == 303
        assert boss.api.get("/api/v1/me").json()["quota"]["limit"] is None
        assert visitor.get("/register").status_code == 404

        entries = boss.api.get("/api/v1/admin/audit").json()["items"]
        said = [(entry["subject"], entry["detail"]) for entry in entries if entry["deed"] == "setting_changed"]
        assert ("accounts.registration", {"before": "open", "now": "invite"}) in said
        assert ("storage.bin_days", {"before": "30", "now": "3"}) in said

        server.restart(STREAMTIME_UPLOADS__MAX_SIZE="1 GiB", STREAMTIME_STORAGE__BIN_DAYS="5")
        found = settings(boss)
        assert (found["storage.bin_days"]["value"], found["storage.bin_days"]["source"]) == ("5", "configuration")
        assert found["transcode.workers"]["running"] == "2"
        said_by_check = server.run("check")
        assert "transcode.workers = 2 (database)" in said_by_check
        assert "storage.bin_days = 5 (STREAMTIME_STORAGE__BIN_DAYS, not 3 as in the database)" in said_by_check
