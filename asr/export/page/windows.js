// Long sound: cut into windows that overlap, whose log-probs are joined, as asr/transcribe/windows.py does it.

import { bestPath } from "./reading.js";

const BLANK = 0;

/** Where the windows of so many samples are: [{ begin, end, last }]. What is not longer than `whole` is one. */
export function windowsOf(samples, { whole, step, overlap }) {
  if (samples <= whole) return [{ begin: 0, end: samples, last: true }];
  const windows = [];
  let begin = 0;
  for (; samples - begin > step + overlap; begin += step) windows.push({ begin, end: begin + step + overlap, last: false });
  return [...windows, { begin, end: samples, last: true }];
}

/** Puts the log-probs of windows together, one window after the other. */
export class Joiner {
  constructor({ step, overlap, grid }, tokens) {
    this.step = step / grid;
    this.overlap = overlap / grid;
    this.tokens = tokens;
    this.held = null; // of the window before: what overlaps with the next
  }

  /** (frames, tokens) of the next window to those of the whole that are now certain, where the last ones ended. */
  add(window, last) {
    const rows = (values, from, to) => values.subarray(from * this.tokens, to === undefined ? undefined : to * this.tokens);
    let taken = 0;
    let begin = new Float32Array(0);
    if (this.held) {
      taken = cut(bestPath(this.held, this.tokens), bestPath(rows(window, 0, this.overlap), this.tokens));
      begin = rows(this.held, 0, taken);
    }
    const rest = rows(window, taken);
    if (last) return joined([begin, rest]);
    this.held = rows(rest, this.step - taken, this.step - taken + this.overlap);
    return joined([begin, rows(rest, 0, this.step - taken)]);
  }
}

/** Frames of the overlap to take from the left window: up to the middle of the longest stretch that both hear as blank, within
 *  the middle half of the overlap. Of equal stretches the one nearest to the middle; without any, the middle. */
function cut(left, right) {
  const size = Math.min(left.length, right.length);
  const middle = Math.floor(size / 2);
  const [begin, end] = [Math.floor(size / 4), size - Math.floor(size / 4)];
  const runs = runsOf(begin, end, (frame) => left[frame] === BLANK && right[frame] === BLANK);
  if (!runs.length) return middle;
  const place = ([start, stop]) => Math.floor((start + stop) / 2);
  const score = (run) => [run[1] - run[0], -Math.abs(place(run) - middle)];
  return place(
    runs.reduce((best, run) => {
      const [[a, b], [c, d]] = [score(best), score(run)];
      return c > a || (c === a && d > b) ? run : best;
    }),
  );
}

/** The frame at which a stretch can end: the middle of the longest run of blank between two words; null where there is none.
 *
 *  @param {(token: number) => boolean} begins whether a token begins a word
 *  @param {number} least frames before it
 *  @param {number} surely frames of blank that part words, whatever comes after them
 *  @param {boolean} anywhere every run of blank will do */
export function placeBetweenWords(path, begins, least, surely, anywhere) {
  let [best, longest] = [null, 0];
  for (const [start, stop] of runsOf(0, path.length, (frame) => path[frame] === BLANK)) {
    const begin = Math.max(start, least);
    const between = anywhere || stop - start >= surely || (stop < path.length && begins(path[stop]));
    if (between && stop - begin > longest) [best, longest] = [Math.floor((begin + stop) / 2), stop - begin];
  }
  return best;
}

/** Where something holds without a break: [[start, stop]]. */
function runsOf(from, to, holds) {
  const runs = [];
  for (let frame = from; frame < to; frame += 1) {
    if (!holds(frame)) continue;
    if (runs.length && runs.at(-1)[1] === frame) runs.at(-1)[1] += 1;
    else runs.push([frame, frame + 1]);
  }
  return runs;
}

/** Several arrays of numbers of one kind as one. */
export function joined(parts) {
  const whole = new parts[0].constructor(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
