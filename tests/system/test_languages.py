"""The language of pages: chosen by a visitor or an account, negotiated, and English for programs."""

from tests.server import Server

GERMAN = {"Accept-Language": "de-CH, de;q=0.9, en;q=0.5"}


def test_pages_are_in_the_language_of_the_browser_and_the_api_is_english(shared_server: Server) -> None:
    guest = shared_server.client(**GERMAN)
    page = guest.get("/login")
    assert '<html lang="de" dir="ltr"' in page.text
    assert "Passwort" in page.text
    assert "texts-de-" in page.text
    assert {"Cookie", "Accept-Language"} <= {each.strip() for each in page.headers["Vary"].split(",")}
    assert "Hier ist nichts" in guest.get("/nothing", headers={"Accept": "text/html"}).text
    assert guest.get("/api/v1/videos/nothing").json()["title"] == "Nothing here"
    english = shared_server.client().get("/login").text
    assert '<html lang="en" dir="ltr"' in english
    assert "/assets/texts-" not in english


def test_a_visitor_chooses_a_language_for_the_browser(shared_server: Server) -> None:
    guest = shared_server.client(**GERMAN)
    answer = guest.post("/language", data={"language": "en", "next": "/login?next=/library"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/library")
    assert '<html lang="en"' in guest.get("/login").text
    assert guest.post("/language", data={"language": "tlh", "next": "/"}).status_code == 400
    away = guest.post("/language", data={"language": "de", "next": "//example.org"})
    assert away.headers["Location"] == "/library"


def test_the_language_of_an_account_holds_on_all_of_its_devices(shared_server: Server) -> None:
    person = shared_server.person("ann-l")
    chosen = person.browser.post("/language", data={"language": "de", "next": "/"}, headers=person.csrf())
    assert chosen.status_code == 303
    assert person.api.get("/api/v1/me/preferences").json()["page_language"] == "de"
    assert '<html lang="de"' in person.browser.get("/settings", headers={"Accept-Language": "en"}).text
    new = {"title": "", "visibility": "private"}
    refused = person.browser.post("/playlists", data=new, headers=person.csrf())
    assert refused.status_code == 400
    assert "Gib der Wiedergabeliste einen Titel mit 1 bis " in refused.text
