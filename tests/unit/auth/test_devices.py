"""Devices: what people call what they sign in with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamtime.auth.sessions import device_of

MOZILLA = "Mozilla/5.0 "
KHTML = " AppleWebKit/537.36 (KHTML, like Gecko) "


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        (MOZILLA + "(X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (MOZILLA + "(Windows NT 10.0; Win64; x64)" + KHTML + "Chrome/140.0.0.0 Safari/537.36", "Chrome on Windows"),
        (MOZILLA + "(Windows NT 10.0)" + KHTML + "Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        (MOZILLA + "(Linux; Android 15; Pixel 9)" + KHTML + "Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        (MOZILLA + "(Macintosh; Intel Mac OS X 10_15_7)" + KHTML + "Version/18.0 Safari/605.1.15", "Safari on macOS"),
        (MOZILLA + "(iPad; CPU OS 18_0 like Mac OS X)" + KHTML + "CriOS/140.0 Safari/604.1", "Chrome on iPad"),
        (MOZILLA + "(Web0S; Linux/SmartTV)" + KHTML + "Chrome/108.0 Safari/537.36", "Chrome on a TV"),
        ("curl/8.5.0", "curl 8.5.0"),
        ("tv-app/2.0 (build 7)", "tv-app 2.0"),
        ("", ""),
    ],
)
def test_what_it_is_called(user_agent: str, device: str) -> None:
    assert device_of(user_agent) == device


@given(st.text(max_size=400))
def test_whatever_it_says_is_short_and_one_line(user_agent: str) -> None:
    device = device_of(user_agent)
    assert len(device) <= 60
    assert device.isprintable()
