"""The live page in a real Chromium, before a real edge-camera: what a person sees when all is well, and when it is not."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from browser_support import MovingCamera, Pod, Tab, chromium, moving_camera, picture
from camera_support import ModelServer, write_clip
from live import until

pytestmark = pytest.mark.browser

# Silent for a second is stalled, and its reader is left alone while it is.
CAPTURE = "capture = {stalled_after_s = 1, read_timeout_s = 200}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def camera() -> Iterator[MovingCamera]:
    with moving_camera() as running:
        yield running


def write_config(folder: Path, server: ModelServer, cameras: dict[str, str], more: str = "") -> Path:
    """Write a config of cameras (name: further lines), with standard output as the sink."""
    path = folder / "cameras.toml"
    path.write_text(
        f'[inference]\nurl = "{server.url}"\nmodel = "square-detector"\ndeadline_ms = 5000\n'
        + "".join(f'[[camera]]\nname = "{name}"\nfps = 20\n{lines}\n' for name, lines in cameras.items())
        + f"[sinks]\nstdout = true\n{more}"
    )
    return path


def of(camera: MovingCamera) -> str:
    return f'url = "{camera.url}"\n{CAPTURE}'


def test_the_picture_moves_and_nothing_is_asked_for_elsewhere(
    tmp_path: Path, browser: Browser, server: ModelServer, camera: MovingCamera
) -> None:
    config = write_config(tmp_path, server, {"dock-3": of(camera)})
    with Pod(config, "--gateway", "site-7") as pod, Tab(browser) as tab:
        tab.page.goto(pod.url)
        tab.until_chip("dock-3", "ok")
        tab.until_it_moves("dock-3")
        tab.until_it_moves("dock-3")
        tab.wait("() => document.querySelector('#events').textContent.includes('square (0.90)')")
        assert tab.page.inner_text("#gateway") == "site-7"
        assert tab.page.inner_text("#count") == "1 camera, all well"
        assert tab.word("dock-3", ".model") == "square-detector 1.0.0"
        assert float(tab.word("dock-3", ".fps")) > 0
        assert re.fullmatch(r"[\d.]+ ms", tab.word("dock-3", ".age"))
        assert tab.word("dock-3", ".objects") == "1"
        assert not tab.is_red("dock-3")
        assert (tab.complaints, tab.hosts) == ([], {f"127.0.0.1:{pod.port}"})


def test_the_mjpeg_stream_moves_in_a_browser(
    tmp_path: Path, browser: Browser, server: ModelServer, camera: MovingCamera
) -> None:
    with Pod(write_config(tmp_path, server, {"dock-3": of(camera)})) as pod, Tab(browser) as tab:
        tab.page.goto(pod.url + "stream/dock-3", wait_until="commit")
        tab.wait("() => document.querySelector('img')?.naturalWidth === 320")
        first = tab.page.screenshot()
        until(lambda: tab.page.screenshot() != first, "the image of the stream changes")


def test_a_stalled_camera_turns_red_and_back(
    tmp_path: Path, browser: Browser, server: ModelServer, camera: MovingCamera
) -> None:
    with moving_camera() as other:
        config = write_config(tmp_path, server, {"dock-3": of(camera), "gate-1": of(other)})
        with Pod(config) as pod, Tab(browser) as tab:
            tab.page.goto(pod.url)
            tab.until_it_moves("gate-1")
            assert not tab.is_red("gate-1")
            other.fall_silent()
            tab.until_chip("gate-1", "stalled")
            assert tab.is_red("gate-1") and not tab.is_red("dock-3")
            assert tab.word("gate-1", ".word") == "stalled: no frame comes"
            tab.wait("() => document.querySelectorAll('.camera .old')[1].textContent.endsWith(' s old')")
            assert tab.page.title() == "(1) edge-camera"
            assert tab.page.inner_text("#count") == "2 cameras, 1 in trouble"
            tab.until_it_moves("dock-3")
            other.speak()
            tab.until_chip("gate-1", "ok")
            tab.until_it_moves("gate-1")
            assert not tab.is_red("gate-1")
            assert tab.complaints == []


def test_black_frozen_and_gone_are_red_each_with_its_word(
    tmp_path: Path, browser: Browser, server: ModelServer, camera: MovingCamera
) -> None:
    ended = write_clip(tmp_path / "square.mp4", frames=10, fps=30)
    with moving_camera([picture(n, light=0.02) for n in range(20)]) as black, moving_camera([picture(3)]) as frozen:
        health = "health = {hold_s = 0, frozen_after_s = 1}"
        config = write_config(
            tmp_path,
            server,
            {
                "black": f"{of(black)}\n{health}",
                "frozen": f"{of(frozen)}\n{health}",
                "down": f'url = "{ended}"\n{health}',
                "well": f"{of(camera)}\n{health}",
            },
        )
        with Pod(config) as pod, Tab(browser) as tab:
            tab.page.goto(pod.url)
            for name in ("black", "frozen", "down"):
                tab.until_chip(name, name)
                assert tab.is_red(name), name
                assert tab.word(name, ".word").startswith(f"{name}: ")
            assert not tab.is_red("well")
            assert tab.page.inner_text("#count") == "4 cameras, 3 in trouble"


def test_a_model_that_does_not_answer_is_never_nothing_seen(
    tmp_path: Path, browser: Browser, server: ModelServer, camera: MovingCamera
) -> None:
    server.mode = "busy"
    with Pod(write_config(tmp_path, server, {"dock-3": of(camera)})) as pod, Tab(browser) as tab:
        tab.page.goto(pod.url)
        tab.wait("() => document.querySelector('.camera .answer')?.textContent === 'answers rejected'")
        tab.until_it_moves("dock-3")
        assert tab.page.evaluate("() => document.querySelector('.camera').classList.contains('bad')")
        assert tab.word("dock-3", ".objects") == "?"
        assert tab.word("dock-3", ".why").startswith("no answer: ")
        assert "nothing seen" not in tab.page.inner_text("#events")


def test_a_page_that_lost_its_process_says_so_and_comes_back(
    tmp_path: Path, browser: Browser, server: ModelServer, camera: MovingCamera
) -> None:
    with Pod(write_config(tmp_path, server, {"dock-3": of(camera)})) as pod, Tab(browser) as tab:
        tab.page.goto(pod.url)
        tab.until_it_moves("dock-3")
        assert tab.page.is_hidden("#lost")
        ways: list[tuple[Callable[[], None], Callable[[], None]]] = [
            (partial(pod.signal, signal.SIGSTOP), partial(pod.signal, signal.SIGCONT)),
            (pod.kill, pod.start),
        ]
        for leave, come_back in ways:
            leave()
            tab.page.wait_for_selector("#lost", state="visible")
            assert "No answer from edge-camera since" in tab.page.inner_text("#lost")
            assert tab.is_red("dock-3") and tab.word("dock-3", ".state") == "camera not known"
            assert tab.word("dock-3", ".objects") == "?"
            come_back()
            tab.page.wait_for_selector("#lost", state="hidden")
            tab.until_chip("dock-3", "ok")
            tab.until_it_moves("dock-3")
            assert not tab.is_red("dock-3")
        # That nobody answered, or not to the end, is all that the browser had to complain about.
        assert [words for words in tab.complaints if "Failed to load resource: net::ERR_" not in words] == []


def test_a_changed_config_changes_the_cards(
    tmp_path: Path, browser: Browser, server: ModelServer, camera: MovingCamera
) -> None:
    config = write_config(tmp_path, server, {"dock-3": of(camera), "gone": of(camera)})
    with Pod(config) as pod, Tab(browser) as tab:
        tab.page.goto(pod.url)
        tab.until_it_moves("gone")
        write_config(tmp_path, server, {"new": of(camera), "dock-3": of(camera)})
        pod.signal(signal.SIGHUP)
        tab.wait("() => !document.querySelector('#cameras').textContent.includes('gone')")
        tab.until_it_moves("new")
        names = tab.page.eval_on_selector_all(".camera h2", "titles => titles.map(title => title.textContent)")
        assert sorted(names) == ["dock-3", "new"]
        tab.wait("() => document.querySelector('#events').textContent.includes('config applied')")


def test_the_spool_s_fill_and_a_sink_that_fails(
    tmp_path: Path, browser: Browser, server: ModelServer, camera: MovingCamera
) -> None:
    spool = f'spool = {{path = "{tmp_path / "spool"}", max_bytes = 8192, segment_bytes = 1024}}\n'
    config = write_config(tmp_path, server, {"dock-3": f"{of(camera)}\nkeepalive_s = 0.1"}, spool)
    with Path(os.devnull).open("rb") as unwritable:
        pod = Pod(config, stdout=unwritable.fileno())
    with pod, Tab(browser) as tab:
        tab.page.goto(pod.url)
        tab.wait("() => document.querySelector('#sinks .chip')?.textContent === 'fails'")
        tab.wait("() => document.querySelector('#spool-word').textContent.includes(' lost')")
        told = tab.page.inner_text("#spool-word")
        assert told.startswith("the oldest event has waited for"), told
        assert tab.page.inner_text("#spool-fill").endswith("of 8 KiB")
        fill = int(tab.page.get_attribute("#spool-bar", "aria-valuenow") or "")
        assert 0 < fill <= 100
        sinks = tab.page.inner_text("#sinks")
        assert re.search(
            r"stdout\s+fails\s+0 delivered · [1-9]\d* failed tries · 0 dropped · [1-9]\d* waiting", sinks
        ), sinks
        assert tab.complaints == []
