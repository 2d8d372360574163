// How a timeline is drawn on its canvas. All lengths in CSS pixels.

import { stepOf } from "./confidence.js";
import { clock } from "./formats.js";
import { mel } from "./spectrum.js";

const TICKS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

const NAMES = ["wave", "faint", "window", "accent", "marked", "pointed", "quiet", "paper", "playhead", "line", "chip", "sure", "fair", "unsure", "edited"];

/** The colours that are drawn with, by their names in the style sheet: asking it for each word would be slow. */
export function paintOf(style) {
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`)]));
}

/** 256 colours of four bytes, between those that the style sheet names --level-0 (silence) to --level-4 (loudest). */
export function ramp(style) {
  const stops = [0, 1, 2, 3, 4].map((i) => {
    const value = style.getPropertyValue(`--level-${i}`).trim().slice(1);
    return [0, 2, 4].map((at) => parseInt(value.slice(at, at + 2), 16));
  });
  const colours = new Uint8Array(1024);
  for (let i = 0; i < 256; i += 1) {
    const place = (i / 255) * (stops.length - 1);
    const below = Math.min(stops.length - 2, Math.floor(place));
    for (let c = 0; c < 3; c += 1)
      colours[4 * i + c] = Math.round(stops[below][c] + (stops[below + 1][c] - stops[below][c]) * (place - below));
    colours[4 * i + 3] = 255;
  }
  return colours;
}

export function outlineOf(context, { low, high }, { left, right, top, height, colour }) {
  const middle = top + height / 2;
  const width = (right - left) / low.length;
  let peak = 0.05; // what is quieter than this all along is drawn quiet
  for (let i = 0; i < low.length; i += 1) peak = Math.max(peak, -low[i], high[i]);
  const scale = (height / 2 - 3) / peak;
  context.fillStyle = colour;
  context.beginPath();
  for (let i = 0; i < low.length; i += 1) {
    const [up, down] = [high[i] * scale, -low[i] * scale];
    context.rect(left + i * width, middle - Math.max(up, 0.5), width + 0.05, Math.max(up + down, 1));
  }
  context.fill();
}

export function picture(context, image, { left, right, top, height }) {
  if (!image) return;
  context.imageSmoothingQuality = "high";
  context.drawImage(image, left, top, right - left, height);
}

/** Names of some frequencies at the right edge of a spectrogram that ends at `highest` Hz. */
export function frequencies(context, highest, { right, top, height, style, paint }) {
  context.font = `10px ${style.fontFamily}`;
  for (const kilohertz of [1, 2, 4]) {
    if (kilohertz * 1000 > highest * 0.9) continue;
    const y = top + height * (1 - mel(kilohertz * 1000) / mel(highest));
    const text = `${kilohertz} kHz`;
    const wide = context.measureText(text).width;
    context.globalAlpha = 0.8;
    context.fillStyle = paint.paper;
    context.beginPath();
    context.roundRect(right - wide - 8, y - 7, wide + 6, 14, 3);
    context.fill();
    context.globalAlpha = 1;
    context.fillStyle = paint.quiet;
    context.fillText(text, right - wide - 5, y + 3.5);
  }
}

/** Ticks and times below the picture. */
export function axis(context, timeline) {
  const { from, to, width, rows, style, paint } = timeline;
  const top = rows.wave + rows.picture;
  const wanted = ((to - from) / width) * 84; // pixels a label takes
  const step = TICKS.find((tick) => tick >= wanted) ?? 3600;
  const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
  context.fillStyle = paint.line;
  context.fillRect(0, top, width, 1);
  context.font = `11px ${style.fontFamily}`;
  context.textBaseline = "alphabetic";
  for (let tick = Math.ceil(from / step) * step; tick <= to; tick += step) {
    const x = timeline.x(tick);
    context.fillStyle = paint.line;
    context.fillRect(x, top, 1, 6);
    const text = clock(Math.round(tick * 100) / 100, digits);
    const wide = context.measureText(text).width;
    context.fillStyle = paint.quiet;
    context.fillText(text, Math.max(2, Math.min(width - wide - 2, x - wide / 2)), top + 17);
  }
}

/** Words at their places: a bar each, its line as in the text, and its letters where they have room. */
export function laneOf(context, timeline) {
  const { words, rows, style, paint, from, to } = timeline;
  const top = rows.wave + rows.picture + rows.axis;
  context.font = `12px ${style.fontFamily}`;
  for (let place = Math.max(0, timeline.lastWord(from)); place < words.length; place += 1) {
    const { word } = words[place];
    if (word.start > to) break;
    const left = timeline.x(word.start);
    const wide = Math.max(1, timeline.x(word.end) - left - 1);
    const step = stepOf(word) || "sure";
    context.fillStyle = paint.chip;
    if (wide < 6) {
      // Thousands of words: bars, and a mark below those that are not sure.
      context.fillRect(left, top + 2, wide, 32);
      context.fillStyle = paint[step];
      if (step !== "sure") context.fillRect(left, top + (step === "unsure" ? 35 : 37), wide, step === "unsure" ? 6 : 2);
      continue;
    }
    context.beginPath();
    context.roundRect(left, top + 2, wide, 32, Math.min(4, wide / 2));
    context.fill();
    line(context, step, left, top + 38, wide, paint[step]);
    letters(context, word.word, left, top + 23, wide, paint[step]);
  }
}

function letters(context, text, left, baseline, wide, colour) {
  const room = wide - 2;
  if (room < 5) return;
  let shown = text;
  if (context.measureText(shown).width > room) {
    if (room < 24) return;
    while (shown.length > 1 && context.measureText(`${shown}…`).width > room) shown = shown.slice(0, -1);
    if (shown.length < 2) return;
    shown += "…";
  }
  context.fillStyle = colour;
  context.fillText(shown, left + (wide - context.measureText(shown).width) / 2, baseline);
}

/** The same lines as under the words of the text: none, dots, a wave; dashes for what was edited. */
function line(context, step, left, y, wide, colour) {
  if (step === "sure") return;
  context.save();
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.beginPath();
  if (step === "fair") context.setLineDash([2, 3]);
  if (step === "edited") context.setLineDash([6, 4]);
  if (step === "unsure") {
    context.lineWidth = 1.5;
    context.moveTo(left, y);
    for (let x = 0; x <= wide; x += 1) context.lineTo(left + x, y + 1.5 * Math.sin((x * Math.PI) / 3));
  } else {
    context.moveTo(left, y);
    context.lineTo(left + wide, y);
  }
  context.stroke();
  context.restore();
}
