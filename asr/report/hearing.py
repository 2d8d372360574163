"""Section of a report: chosen utterances to be heard, each with spectrogram, posteriors and words on one time axis."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from asr.data_address import data_address, playable
from asr.decoding.vocabulary import SPACE_IN_MODELS
from asr.errors import AudioError
from asr.report.alignment import align_words
from asr.report.errors import ranked, typical
from asr.report.markup import Html, element, folded, join, note, table
from asr.report.material import Run
from asr.report.scale import Scale, linear_ticks
from asr.report.sound import highest, png, spectrogram
from asr.utterance import Utterance

if TYPE_CHECKING:
    from asr.audio import Audio
    from asr.report.listening import Heard, Listener
    from asr.transcribe.transcript import Word

WIDTH, LEFT, RIGHT = 1000, 56, 10
PICTURE, CURVES, ROW = 150, 92, 22  # heights
GAP = 10
SEEN = 0.03  # probability below which a token is not drawn
NAMED = 0.3  # likewise not named


def hearing(runs: Sequence[Run], count: int) -> Html:
    """So many utterances: the worst ones, and a typical one last where there are several."""
    first = next((run for run in runs if run.utterances and run.outcomes), None)
    if count == 0:
        return note("No audio was asked for (--audio N).")
    if first is None:
        return note("Audio is found by the manifests of a run, which are not here.")
    from asr.report.listening import LONGEST, listeners, sound_of

    same = [run for run in runs if _test(run) == _test(first)]
    known = {each.id: each for each in first.utterances[first.part] if each.duration <= LONGEST}
    found, trouble = listeners(same)
    parts: list[Html] = []
    failed = 0
    for name in _chosen(same, first, known, count):
        try:
            audio = sound_of(known[name])
            parts.append(_utterance(known[name], audio, found, len(parts)))
        except AudioError:
            failed += 1
    about = [note(f"{each}.") for each in trouble]
    if failed:
        about.append(
            note(
                f"{failed} of {count} utterances are not here any more, or cannot be read: their audio is left out."
            )
        )
    if parts:
        about.insert(
            0,
            note(
                f"The audio of {len(parts)} utterance{'s' * (len(parts) > 1)} is embedded in this page, at 16 kHz or "
                "less and coded with losses: whoever gets the page gets it too. Click a picture to play from there."
            ),
        )
    return join([*about, *parts])


def _test(run: Run) -> str:
    corpus = run.record.corpus
    return corpus.splits[run.part].digest if corpus and run.part in corpus.splits else ""


def _chosen(runs: Sequence[Run], first: Run, known: dict[str, Utterance], count: int) -> list[str]:
    worst = [name for name in ranked(runs) if name in known]
    usual = [name for name in typical([first], worst, count) if name in known]
    kept = worst[: count - 1 if count > 1 and usual else count]
    return [*kept, *usual[: count - len(kept)]]


def _utterance(utterance: Utterance, audio: "Audio", found: "Sequence[Listener]", number: int) -> Html:
    heard = [listener(utterance) for listener in found]
    drawing = _drawing(audio, heard)
    speaker = f", speaker {utterance.speaker}" if utterance.speaker else ""
    player = element(
        "audio",
        controls=True,
        preload="metadata",
        src=playable(audio),
        aria_label=f"Utterance {utterance.id}",
    )
    words = [_times(each) for each in heard]
    troubles = [note(f"{each.run.label}: {each.trouble}") for each in heard if each.trouble]
    return element(
        "article",
        element(
            "p",
            element("b", utterance.id),
            element("span", f"{speaker}, {audio.seconds:.2f} s: ", class_="quiet"),
            element("q", utterance.text),
        ),
        element(
            "div",
            drawing,
            class_="wide",
            tabindex="0",
            role="region",
            aria_label=f"Pictures of {utterance.id}",
        ),
        player,
        *troubles,
        folded("Words and their times", *words) if words else None,
        class_="hearing",
        id=f"heard-{number + 1}",
    )


def _times(heard: "Heard") -> Html:
    rows = [
        [what, word.word, f"{word.start:.2f}", f"{word.end:.2f}"]
        for what, words in (("said", heard.said), ("heard", heard.words))
        for word in words
    ]
    return table(f"Words by {heard.run.label}", ("", "word", "start (s)", "end (s)"), rows, words=2)


def _drawing(audio: "Audio", heard: "Sequence[Heard]") -> Html:
    across = Scale(0.0, audio.seconds, LEFT, WIDTH - RIGHT)
    parts = [_picture(audio, across)]
    top = float(PICTURE + GAP)
    for each in heard:
        if len(heard) > 1:
            parts.append(
                element("text", each.run.label, x=LEFT, y=f"{top + 10:.0f}", class_=f"name {each.run.tone}")
            )
            top += 16
        parts.extend(_curves(each, across, top))
        top += CURVES + 4
        for name, words, right in _rows(each):
            parts.extend(_words(name, words, right, across, top))
            top += ROW
        top += GAP
    for value in linear_ticks(0, audio.seconds):
        place = f"{across(value):.1f}"
        parts.append(element("line", x1=place, x2=place, y1=top - 4, y2=top + 1, class_="axis"))
        parts.append(
            element("text", f"{value:g} s", x=place, y=f"{top + 14:.0f}", class_="tick", text_anchor="middle")
        )
    head = element("line", x1=LEFT, x2=LEFT, y1=0, y2=f"{top:.0f}", class_="playhead")
    said = " ".join(f"{word.word} at {word.start:.2f} s," for word in heard[0].said) if heard else ""
    return element(
        "svg",
        *parts,
        head,
        viewBox=f"0 0 {WIDTH} {top + 18:.0f}",
        role="img",
        aria_label=f"Spectrogram, posteriors and words over {audio.seconds:.2f} s. {said}",
        class_="sound",
        data_left=LEFT,
        data_right=WIDTH - RIGHT,
        data_seconds=f"{audio.seconds:.3f}",
    )


def _picture(audio: "Audio", across: Scale) -> Html:
    image = element(
        "image",
        href=data_address("image/png", png(spectrogram(audio))),
        x=LEFT,
        y=0,
        width=f"{across.last - across.first:.1f}",
        height=PICTURE,
        preserveAspectRatio="none",
    )
    top = highest(audio)
    ticks = []
    for value in range(0, int(top * 0.99) + 1, 2000):
        place = f"{PICTURE * (1 - value / top) + 4:.1f}"
        name = f"{value / 1000:g} kHz"
        ticks.append(element("text", name, x=LEFT - 6, y=place, class_="tick", text_anchor="end"))
    return join([image, *ticks])


def _curves(heard: "Heard", across: Scale, top: float) -> Iterator[Html]:
    tokens = heard.tokens
    up = Scale(0.0, 1.0, top + CURVES, top + 14)
    for value in (0, 1):
        place = f"{up(value):.1f}"
        yield element("line", x1=across.first, x2=across.last, y1=place, y2=place, class_="grid")
        yield element("text", value, x=LEFT - 6, y=f"{up(value) + 4:.1f}", class_="tick", text_anchor="end")
    blank = [
        (across(min(tokens.second(frame), across.high)), up(float(p)))
        for frame, p in enumerate(tokens.probabilities[:, 0])
    ]
    yield element("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in blank), class_="blank")
    for token, name in enumerate(tokens.names):
        name = "␣" if name == SPACE_IN_MODELS else name
        if token and float(tokens.probabilities[:, token].max(initial=0)) >= SEEN:
            yield from _bumps(heard, token, name, across, up)


def _bumps(heard: "Heard", token: int, name: str, across: Scale, up: Scale) -> Iterator[Html]:
    """Each stretch of frames in which the token is seen, with its name at the peak."""
    tokens = heard.tokens
    curve = [float(p) for p in tokens.probabilities[:, token]]
    tone = f"k{token % 12}"
    start: int | None = None
    for frame in range(len(curve) + 1):
        if frame < len(curve) and curve[frame] >= SEEN:
            start = frame if start is None else start
        elif start is not None:
            inside = range(start, frame)
            places = [(start - 1, 0.0), *((each, curve[each]) for each in inside), (frame, 0.0)]
            xs = [across(min(max(0.0, tokens.second(each)), across.high)) for each, _ in places]
            points = " ".join(f"{x:.1f},{up(p):.1f}" for x, (_, p) in zip(xs, places, strict=True))
            peak = max(inside, key=lambda each: curve[each])
            label = f"{name} {curve[peak]:.2f} at {tokens.second(peak):.2f} s"
            bump = element("polyline", points=points, class_=f"bump {tone}")
            yield element("g", element("title", label), bump)
            if curve[peak] >= NAMED:
                x = across(min(tokens.second(peak), across.high))
                yield element(
                    "text",
                    name,
                    x=f"{x:.1f}",
                    y=f"{up(curve[peak]) - 3:.1f}",
                    class_=f"token {tone}",
                    text_anchor="middle",
                )
            start = None


def _rows(heard: "Heard") -> "Iterator[tuple[str, Sequence[Word], list[bool]]]":
    """What was said and what was heard, as far as they have times, and which words of each are right."""
    texts = [" ".join(word.word for word in words) for words in (heard.said, heard.words)]
    steps = align_words([(texts[0], texts[1])])[0]
    if heard.said:
        known = bool(heard.words) or not heard.trouble
        yield "said", heard.said, [step.kind == "hit" or not known for step in steps if step.reference]
    if heard.words:
        yield (
            "heard",
            heard.words,
            [step.kind == "hit" or not heard.said for step in steps if step.hypothesis],
        )


def _words(
    name: str, words: "Sequence[Word]", right: Sequence[bool], across: Scale, top: float
) -> Iterator[Html]:
    yield element("text", name, x=LEFT - 6, y=f"{top + 15:.1f}", class_="tick", text_anchor="end")
    for word, fits in zip(words, right, strict=True):
        left, end = across(max(0.0, word.start)), across(min(word.end, across.high))
        box = element(
            "rect", x=f"{left:.1f}", y=f"{top + 2:.1f}", width=f"{max(1.0, end - left - 1):.1f}", height=ROW - 5, rx=3,
            class_="word" if fits else "word missed",
        )  # fmt: skip
        text = element(
            "text",
            word.word,
            x=f"{(left + end) / 2:.1f}",
            y=f"{top + 14.5:.1f}",
            class_="spoken",
            text_anchor="middle",
        )
        yield element("g", element("title", f"{word.word}: {word.start:.2f} to {word.end:.2f} s"), box, text)
