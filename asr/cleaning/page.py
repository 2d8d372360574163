"""A report as one page of HTML that needs nothing else: every finding with its waveform, and a player for the worst."""

import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from asr.audio import Audio, read_audio
from asr.cleaning.check import Report
from asr.cleaning.fix import Plan
from asr.cleaning.kinds import KINDS, Finding
from asr.cleaning.page_style import STYLE
from asr.cleaning.summary import done_about
from asr.data_address import playable
from asr.errors import AudioError
from asr.files import write_text
from asr.utterance import Utterance

PLAYERS = 12  # findings of each kind that can be heard
LISTED = 200  # of each kind that are in the page at all; the rest is in the JSON file
SECONDS = 15.0  # that can be heard of one
COLUMNS, HEIGHT = 160, 36  # of a drawn waveform
_TONES = {"remove": "bad", "mend": "mended", "warn": "warn"}


def write_page(path: Path, report: Report, plan: Plan) -> None:
    """Whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    write_text(path, page(report, plan))


def page(report: Report, plan: Plan) -> str:
    """The whole page."""
    utterances = {part.name: part.utterances for part in report.parts}
    sections = "".join(
        _section(kind, findings, plan, utterances) for kind, findings in report.by_kind.items()
    )
    notes = "".join(f"<li>{_text(note)}</li>" for note in report.notes)
    count = sum(len(part.utterances) for part in report.parts)
    about = [f"{count:,} utterances", f"{report.seconds / 3600:.2f} hours", f"texts as {report.text}"]
    about += [f"model {report.model}"] if report.model else []
    title = f"{len(report.findings):,} findings" if report.findings else "Nothing was found"
    parts = "".join(
        f"<tr><td>{_text(part.name)}</td><td class=n>{len(part.utterances):,}</td>"
        f"<td class=path>{_text(part.path)}</td></tr>"
        for part in report.parts
    )
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<meta name=color-scheme content='light dark'><title>asr check: {title}</title><style>{STYLE}</style></head>"
        f"<body><main><header><p class=command>asr check</p><h1>{title}</h1>"
        f"<p class=about>{_text(' · '.join(about))}</p></header>"
        f"<div class=overview>{_overview(report, plan)}<div><h2>Parts</h2><table>{parts}</table>"
        + (f"<h2>Notes</h2><ul>{notes}</ul>" if notes else "")
        + f"</div></div>{sections}</main></body></html>\n"
    )


def _overview(report: Report, plan: Plan) -> str:
    most = max(report.counts.values(), default=1)
    rows = []
    for kind, findings in report.by_kind.items():
        tone = _TONES[plan.action(findings[0])]
        width = max(2, round(100 * len(findings) / most))
        rows.append(
            f"<tr><td><a href='#{kind}'>{kind}</a></td><td class=n>{len(findings):,}</td>"
            f"<td class=bar><span class='{tone}' style='width:{width}%'></span></td>"
            f"<td class=quiet>{_text(KINDS[kind].title)}</td></tr>"
        )
    legend = (
        "<p class=legend><span class=bad></span> left out by --fix <span class=mended></span> mended "
        "<span class=warn></span> stays</p>"
    )
    return f"<div><h2>Kinds</h2><table>{''.join(rows)}</table>{legend}</div>" if rows else ""


def _section(
    kind: str, findings: Sequence[Finding], plan: Plan, utterances: Mapping[str, Sequence[Utterance]]
) -> str:
    title, advice = (_text(words[0].upper() + words[1:]) for words in (KINDS[kind].title, KINDS[kind].advice))
    rows = "".join(
        _row(one, place < PLAYERS, plan, utterances) for place, one in enumerate(findings[:LISTED])
    )
    more = (
        f"<p class=quiet>and {len(findings) - LISTED:,} more; --json has all</p>"
        if len(findings) > LISTED
        else ""
    )
    return (
        f"<section id='{kind}'><h2>{kind} <span class=count>{len(findings):,}</span></h2>"
        f"<p class=about>{title}. {advice}. {_text(done_about(findings, plan))}.</p>{rows}{more}</section>"
    )


def _row(finding: Finding, heard: bool, plan: Plan, utterances: Mapping[str, Sequence[Utterance]]) -> str:
    tone = _TONES[plan.action(finding)]
    where = f"line {finding.row + 1}" if finding.row >= 0 else "the whole part"
    sounds = "".join(_sounds(finding, utterances)) if heard and finding.row >= 0 else ""
    text = ""
    if finding.row >= 0:
        text = f"<p class=said>{_text(utterances[finding.part][finding.row].text) or '<i>no text</i>'}</p>"
    return (
        f"<article class='{tone}'><div class=what><p class=name><b>{_text(finding.part)}/{_text(finding.id)}</b> "
        f"<span class=quiet>{where}</span></p><p>{_text(finding.found)}</p>{text}"
        f"<p class=path>{_text(finding.file)}</p></div>{sounds}</article>"
    )


def _sounds(finding: Finding, utterances: Mapping[str, Sequence[Utterance]]) -> Iterator[str]:
    """Of the utterance, and of the first that it is compared with."""
    ids: dict[str, Utterance] = {}
    for other in finding.others[:1]:
        part, _, named = other.partition("/")
        ids.update({f"{part}/{one.id}": one for one in utterances.get(part, ()) if one.id == named})
    yield _sound(utterances[finding.part][finding.row], "" if not ids else finding.id)
    for name, utterance in ids.items():
        yield _sound(utterance, name)


def _sound(utterance: Utterance, name: str) -> str:
    label = f"<p class=quiet>{_text(name)}</p>" if name else ""
    try:
        duration = min(utterance.duration or SECONDS, SECONDS)
        audio = read_audio(utterance.audio_filepath, offset=utterance.offset, duration=duration)
    except AudioError:
        return f"<div class=sound>{label}<p class=quiet>cannot be played</p></div>"
    return f"<div class=sound>{label}{_waveform(audio)}{_player(audio)}</div>"


def _player(audio: Audio) -> str:
    return f"<audio controls preload=none src='{playable(audio)}'></audio>"


def _waveform(audio: Audio) -> str:
    """The highest and the lowest sample of each column; full scale is the height."""
    columns = np.array_split(audio.samples, min(COLUMNS, len(audio.samples)))
    middle, scale = HEIGHT / 2, HEIGHT / 2 - 1
    tops = [middle - scale * _drawn(max(0.0, float(column.max()))) for column in columns]
    bottoms = [middle + scale * _drawn(max(0.0, -float(column.min()))) for column in columns]
    path = "".join(
        f"M{x + 0.5} {top:.1f}V{max(bottom, top + 0.5):.1f}"
        for x, (top, bottom) in enumerate(zip(tops, bottoms, strict=True))
    )
    return (
        f"<svg viewBox='0 0 {COLUMNS} {HEIGHT}' preserveAspectRatio=none role=img "
        f"aria-label='waveform, {audio.seconds:.2f} s'>"
        f"<path class=axis d='M0 {middle}H{COLUMNS}'/><path d='{path}'/></svg>"
    )


def _drawn(size: float) -> float:
    """Weak sounds are drawn larger than they are, or they would not be seen beside strong ones."""
    return float(min(1.0, size) ** 0.6)


def _text(value: object) -> str:
    return html.escape(str(value))
