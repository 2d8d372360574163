"""Parts of the page by themselves, run in the browser; and whether everybody can use it."""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from browsing import browsing, page_of, until
from stand_in import StandIn, answer_of, standing_in

from asr.randomness import numpy_generator

RATE = 8_000  # Hz
CONTROLS = {"button", "checkbox", "combobox", "slider", "textbox", "link", "meter", "progressbar", "option"}


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandIn]:
    lines = [
        [("one", 0.5, 0.9, 0.99), ("two", 1.0, 1.6, 0.8), ("three", 1.7, 2.0, 0.42)],
        [("four", 3.1, 3.6, None)],
    ]
    with standing_in(answer_of(*lines, duration=4.0)) as found:
        found.models = ("small", "large")
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsing() as found:
        yield found


@pytest.fixture(scope="module")
def blank(browser: Any, stand_in: StandIn) -> Iterator[Any]:
    """A page to run its modules in."""
    with page_of(browser, stand_in.url) as found:
        yield found


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "noise.wav"
    soundfile.write(path, 0.3 * numpy_generator(1, "noise").standard_normal(4 * RATE), RATE, subtype="PCM_16")
    return path


def test_a_retold_line_says_what_was_written_and_moves_nothing_that_stayed(blank: Any) -> None:
    generator = numpy_generator(1, "retext")
    cases = []
    for _ in range(300):
        count = int(generator.integers(0, 7))
        edges = np.sort(generator.uniform(1, 9, 2 * count)).tolist()
        old = [
            {"word": str(generator.choice(list("abcd"))), "start": a, "end": b, "confidence": 0.5}
            for a, b in zip(edges[::2], edges[1::2], strict=True)
        ]
        text = " ".join(generator.choice(list("abcde"), size=int(generator.integers(0, 8))).tolist())
        cases.append([old, text])
    found = blank.evaluate(
        """async (cases) => {
          const { retext } = await import("./document.js");
          return cases.map(([old, text]) => retext(old, text, 0.5, 9.5));
        }""",
        cases,
    )
    for (old, text), new in zip(cases, found, strict=True):
        assert " ".join(word["word"] for word in new) == text
        times = [time for word in new for time in (word["start"], word["end"])]
        assert times == sorted(times)
        assert all(0.5 - 1e-9 <= time <= 9.5 + 1e-9 for time in times)
        kept = [word for word in new if not word.get("edited")]
        assert len(kept) == longest_common([word["word"] for word in old], text.split())
        assert all(word in old for word in kept)
        assert all(word["confidence"] is None for word in new if word.get("edited"))


def longest_common(first: list[str], second: list[str]) -> int:
    """The length of the longest common subsequence, by the definition: try each word in turn."""
    if not first or not second:
        return 0
    if first[0] == second[0]:
        return 1 + longest_common(first[1:], second[1:])
    return max(longest_common(first[1:], second), longest_common(first, second[1:]))


def test_the_spectrum_is_numpys(blank: Any) -> None:
    samples = numpy_generator(1, "spectrum").standard_normal(512).astype(np.float32)
    found = blank.evaluate(
        """async (samples) => {
          const { Spectrum } = await import("./spectrum.js");
          return Array.from(new Spectrum(512).of(Float32Array.from(samples), 0));
        }""",
        samples.tolist(),
    )
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    assert found == pytest.approx(np.abs(np.fft.rfft(samples * window)) ** 2, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize(
    ("kind", "subtype", "endian"),
    [
        *[("WAV", subtype, "FILE") for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT")],
        ("WAVEX", "PCM_24", "FILE"),
        *[("AIFF", subtype, "FILE") for subtype in ("PCM_16", "PCM_24", "PCM_32")],
        ("AIFF", "PCM_16", "LITTLE"),
        ("NIST", "PCM_16", "LITTLE"),
        ("NIST", "PCM_16", "BIG"),
    ],
)
def test_files_of_plain_samples_are_read_in_pieces(
    blank: Any, tmp_path: Path, kind: str, subtype: str, endian: str
) -> None:
    stereo = numpy_generator(1, "wave").uniform(-0.9, 0.9, (500, 2))
    path = tmp_path / "some"
    soundfile.write(path, stereo, RATE, format=kind, subtype=subtype, endian=endian)
    found = blank.evaluate(
        """async (bytes) => {
          const { wavLayout, wavSamples } = await import("./wav.js");
          const { aiffLayout, sphereLayout } = await import("./pcm-layout.js");
          const file = new Blob([Uint8Array.from(bytes)]);
          const layouts = [await wavLayout(file), await aiffLayout(file), await sphereLayout(file)];
          const [layout] = layouts.filter(Boolean);
          const parts = [await wavSamples(file, layout, 0, 123), await wavSamples(file, layout, 123, 500)];
          return { layout, samples: parts.flatMap((part) => Array.from(part)) };
        }""",
        list(path.read_bytes()),
    )
    assert (found["layout"]["rate"], found["layout"]["channels"], found["layout"]["frames"]) == (RATE, 2, 500)
    truth = soundfile.read(path)[0].mean(axis=1)
    assert found["samples"] == pytest.approx(truth, abs=1e-6)


def test_the_picture_is_of_the_sound(browser: Any, stand_in: StandIn, tmp_path: Path) -> None:
    """Half a second of silence, then a tone of 1 kHz: columns of the picture are empty and then have their band."""
    silent, loud = np.zeros(RATE // 2), 0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE // 2) / RATE)
    path = tmp_path / "tone.flac"
    soundfile.write(path, np.concatenate([silent, loud]), RATE)
    with page_of(browser, stand_in.url) as page:
        page.set_input_files("#files", path)
        page.wait_for_selector("#stage[data-drawn]")
        ink = page.evaluate("""() => {
          const canvas = document.querySelector("#stage canvas");
          const { data, width, height } = canvas.getContext("2d").getImageData(0, 76, canvas.width, 128);
          const dark = (at) => 765 - data[at] - data[at + 1] - data[at + 2];
          const column = (x) => Array.from({ length: height }, (_, y) => dark(4 * (y * width + x)));
          return [0.25, 0.75].map((part) => column(Math.round(part * width)));
        }""")
    assert max(ink[0]) < 60
    # 8 kHz of sound has 4 kHz of spectrum (decoded at 24 kHz: up to 8); rows are equal steps in mel.
    mel = [2595 * np.log10(1 + hertz / 700) for hertz in (1000, 8000)]
    assert np.argmax(ink[1]) == pytest.approx(128 * (1 - mel[0] / mel[1]), abs=4)
    assert max(ink[1]) > 400


def test_times_of_subtitles(blank: Any) -> None:
    times = [0, 0.9996, 59.9999, 3661.0015]
    found = blank.evaluate(
        """async (times) => {
          const { clock, stamp } = await import("./formats.js");
          return times.map((time) => [stamp(time), stamp(time, ","), clock(time), clock(time, 1)]);
        }""",
        times,
    )
    assert found == [
        ["00:00:00.000", "00:00:00,000", "0:00", "0:00.0"],
        ["00:00:01.000", "00:00:01,000", "0:00", "0:01.0"],
        ["00:01:00.000", "00:01:00,000", "0:59", "1:00.0"],
        ["01:01:01.002", "01:01:01,002", "1:01:01", "1:01:01.0"],
    ]


def test_subtitles_that_players_can_read(blank: Any) -> None:
    """No arrow within the text, and no cue without time."""
    said = [("a", 1.0, 1.0), ("--->", 1.0, 1.0), ("<b>&", 1.0, 1.0)]
    words = [{"word": word, "start": start, "end": end, "confidence": None} for word, start, end in said]
    found = blank.evaluate(
        """async (words) => {
          const { FORMATS } = await import("./formats.js");
          return ["srt", "vtt"].map((name) => FORMATS[name].write({ segments: [{ words }] }));
        }""",
        words,
    )
    assert found == [
        "1\n00:00:01,000 --> 00:00:01,001\na -> <b>&\n",
        "WEBVTT\n\n00:00:01.000 --> 00:00:01.001\na ---&gt; &lt;b&gt;&amp;\n",
    ]


def test_what_is_put_in_at_the_end_is_within_the_file(blank: Any) -> None:
    found = blank.evaluate(
        """async (answer) => {
          const { documentOf, setText } = await import("./document.js");
          return setText(documentOf(answer), 0, "go on").segments[0].words;
        }""",
        answer_of([("go", 0.5, 1.8, 0.9)], duration=2.0),
    )
    assert [(word["word"], word["start"], word["end"]) for word in found] == [
        ("go", 0.5, 1.8),
        ("on", 1.8, 2.0),
    ]


# Luminance and contrast as WCAG 2.2 defines them, of every text that is shown, against what is painted behind it.
CONTRASTS = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const over = (below, colour) => {
    canvas.fillStyle = `rgb(${below.join(" ")})`;
    canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return Array.from(canvas.getImageData(0, 0, 1, 1).data).slice(0, 3);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    if (!element) return [255, 255, 255];
    return over(ground(element.parentElement), getComputedStyle(element).backgroundColor);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility() || element.closest(":disabled")) continue;
    const below = ground(element);
    const [a, b] = [luminance(over(below, getComputedStyle(element).color)), luminance(below)].sort((x, y) => y - x);
    found.push([Math.round(100 * (a + 0.05) / (b + 0.05)) / 100, walker.currentNode.textContent.trim()]);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_and_every_control_has_a_name(
    browser: Any, stand_in: StandIn, sound: Path, scheme: str
) -> None:
    with page_of(browser, stand_in.url, color_scheme=scheme, reduced_motion="reduce") as page:
        read = page.evaluate(CONTRASTS)
        page.set_input_files("#files", [sound, sound])
        page.wait_for_selector("#stage[data-drawn]")
        page.locator(".word").nth(1).click()
        page.locator(".word").nth(2).hover()
        page.keyboard.press("m")
        read += page.evaluate(CONTRASTS)
        page.keyboard.press("F2")
        read += page.evaluate(CONTRASTS)
        names = nameless(page)
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        read += page.evaluate(CONTRASTS)
        assert page.evaluate("document.getAnimations().length") == 0
    assert {"twothree", "Drop a recording here", "Close"} <= {text for _, text in read}
    assert [pair for pair in read if pair[0] < 4.5] == []
    assert names == []


def nameless(page: Any) -> list[str]:
    """Controls without a name, as a screen reader is told them."""
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    roles = [
        (node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if "role" in node
    ]
    assert {"button", "slider", "textbox", "combobox", "checkbox"} <= {role for role, _ in roles}
    return [role for role, name in roles if role in CONTROLS and not name.strip()]


def test_edges_of_controls_can_be_seen() -> None:
    """3 to 1 against both backgrounds, in light and in dark, by the colours of the style sheet."""
    style = (files("asr.serve") / "page" / "page.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root[^{]*\{([^}]*)\}", style)
    assert len(blocks) == 2
    for block in blocks:
        colours = dict(re.findall(r"--([\w-]+): #([0-9a-f]{6});", block))
        for edge in ("control", "accent"):
            for ground in ("paper", "ground"):
                assert contrast(colours[edge], colours[ground]) >= 3, (edge, ground)


def contrast(first: str, second: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        r, g, b = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    low, high = sorted([luminance(first), luminance(second)])
    return (high + 0.05) / (low + 0.05)


def test_a_narrow_screen_scrolls_up_and_down_only(browser: Any, stand_in: StandIn, sound: Path) -> None:
    with page_of(browser, stand_in.url, has_touch=True) as page:
        page.set_viewport_size({"width": 320, "height": 640})
        wide = "document.documentElement.scrollWidth"
        assert page.evaluate(wide) <= 320
        page.set_input_files("#files", [sound, sound])
        page.wait_for_selector("#stage[data-drawn]")
        assert page.evaluate(wide) <= 320
        page.set_viewport_size({"width": 1280, "height": 640})
        page.locator(".word").nth(2).hover()
        page.locator("#tip").wait_for()
        page.set_viewport_size({"width": 320, "height": 640})  # a screen that is turned
        page.locator("#tip").wait_for(state="hidden")
        assert page.evaluate(wide) <= 320
        sizes = page.locator("button:visible").evaluate_all(
            "all => all.map((b) => [b.offsetWidth, b.offsetHeight, b.id || b.className])"
        )
        assert [size for size in sizes if min(size[:2]) < 24] == []  # WCAG 2.2, target size


def test_the_choice_of_colours_is_remembered(browser: Any, stand_in: StandIn) -> None:
    with page_of(browser, stand_in.url, color_scheme="light") as page:
        page.get_by_role("button", name="Dark colours").click()
        page.reload()
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        until(page, "document.querySelector('#theme').getAttribute('aria-pressed') === 'true'")
