// What can be downloaded. Each function takes a document (document.js), and what is said of its file: { name, language, duration }.

import { textOf } from "./document.js";

/** Hours, minutes, seconds, milliseconds: 00:01:02.345, or with a comma for SubRip. */
export function stamp(seconds, point = ".") {
  const all = Math.round(seconds * 1000);
  const two = (value) => String(value).padStart(2, "0");
  const [h, m, s] = [Math.floor(all / 3_600_000), Math.floor(all / 60_000) % 60, Math.floor(all / 1000) % 60];
  return `${two(h)}:${two(m)}:${two(s)}${point}${String(all % 1000).padStart(3, "0")}`;
}

/** For people: 0:07, 12:03, 1:02:03; with so many digits of the second. */
export function clock(seconds, digits = 0) {
  const unit = 10 ** digits;
  const all = Math[digits ? "round" : "floor"](seconds * unit) / unit;
  const whole = Math.floor(all);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = digits ? (all - whole).toFixed(digits).slice(1) : "";
  const tail = String(whole % 60).padStart(2, "0") + rest;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

const round = (value, digits) => Math.round(value * 10 ** digits) / 10 ** digits;

function confidenceOf(words) {
  const known = words.map((word) => word.confidence).filter((value) => value !== null);
  return known.length ? round(known.reduce((sum, value) => sum + value, 0) / known.length, 4) : null;
}

/** SubRip has no escapes. */
const shortArrows = (text) => text.replaceAll(/-{2,}>/g, "->");
const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** None takes no time: players leave such ones out. */
function cues(document, point, text) {
  return document.segments.map((segment) => {
    const start = segment.words[0].start;
    const end = Math.max(segment.words.at(-1).end, start + 0.001);
    return `${stamp(start, point)} --> ${stamp(end, point)}\n${text(textOf(segment))}\n`;
  });
}

function jsonOf(document, { name, language, duration }) {
  const segments = document.segments.map(({ words }, id) => ({
    id,
    start: round(words[0].start, 3),
    end: round(words.at(-1).end, 3),
    text: textOf({ words }),
    confidence: confidenceOf(words),
    words: words.map((word) => ({
      word: word.word,
      start: round(word.start, 3),
      end: round(word.end, 3),
      confidence: word.confidence === null ? null : round(word.confidence, 4),
    })),
  }));
  const text = document.segments.map(textOf).join(" ");
  const words = segments.flatMap((segment) => segment.words);
  return `${JSON.stringify({ file: name, text, language, duration: round(duration, 3), segments, words }, null, 2)}\n`;
}

export const FORMATS = {
  txt: { label: "Text", type: "text/plain", write: (document) => document.segments.map((s) => `${textOf(s)}\n`).join("") },
  srt: {
    label: "SubRip",
    type: "application/x-subrip",
    write: (document) => cues(document, ",", shortArrows).map((cue, i) => `${i + 1}\n${cue}`).join("\n"),
  },
  vtt: {
    label: "WebVTT",
    type: "text/vtt",
    write: (document) => ["WEBVTT\n", ...cues(document, ".", escaped)].join("\n"),
  },
  json: { label: "JSON", type: "application/json", write: jsonOf },
};

/** talk.final.mp3 -> talk.final.srt */
export function nameFor(file, format) {
  return `${file.replace(/\.[^.]{1,5}$/, "") || "transcript"}.${format}`;
}
