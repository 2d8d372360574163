// One file as it is heard, window by window: joined, and read in stretches that end between words, as
// asr/transcribe/recording.py does it.

import { bestPath, Reading } from "./reading.js";
import { Joiner, joined, placeBetweenWords } from "./windows.js";
import { powers, wordBorders } from "./word-borders.js";

const WHOLE = 60; // seconds
const SURELY = 1; // seconds of blank that are longer than any word is without a sound
const MOST = 5 * WHOLE; // seconds after which a stretch ends wherever nothing is heard

export class Recording {
  /** @param {object} about what reading.json says */
  constructor(about) {
    this.about = about;
    this.reading = new Reading(about.tokens);
    this.joiner = new Joiner(about.windows, about.tokens.symbols.length);
    this.period = about.windows.grid / about.sample_rate; // seconds from one frame to the next
    this.centre = (about.windows.centre ?? 0) / about.sample_rate; // seconds to the middle of the first frame
    this.block = about.windows.hop / about.sample_rate; // seconds
    this.paths = []; // of this stretch
    this.power = [];
    this.begin = 0; // seconds into the file at which this stretch does
  }

  /** The next window and what was heard in it; the words that are known for sure now: [{ word, start, end }], in seconds.
   *
   *  @param {Float32Array} samples
   *  @param {Float32Array} logProbs (frames, tokens)
   *  @param {number} end seconds into the file at which what is new in the window ends */
  add(samples, logProbs, last, end) {
    const { windows, tokens } = this.about;
    this.paths.push(bestPath(this.joiner.add(logProbs, last), tokens.symbols.length));
    this.power.push(powers(last ? samples : samples.subarray(0, windows.step), windows.hop));
    const place = last ? null : this.betweenWords();
    return last || place !== null ? this.read(place, end) : [];
  }

  /** The frame at which the stretch can end, if it is long enough. */
  betweenWords() {
    this.paths = [joined(this.paths)];
    const seconds = this.paths[0].length * this.period;
    if (seconds < WHOLE) return null;
    const [least, surely] = [Math.round(WHOLE / 2 / this.period), Math.round(SURELY / this.period)];
    return placeBetweenWords(this.paths[0], (token) => this.reading.begins(token), least, surely, seconds > MOST);
  }

  /** What is before this frame, or all. */
  read(place, whole) {
    const path = joined(this.paths);
    const power = joined(this.power);
    const { grid, hop } = this.about.windows;
    const [frames, blocks] = place === null ? [path.length, power.length] : [place, place * (grid / hop)];
    const { begin } = this;
    const end = place === null ? whole : begin + place * this.period;
    const words = this.reading.words(path.subarray(0, frames));
    const borders = wordBorders(words, this.period, power.subarray(0, blocks), this.block, this.centre);
    this.paths = [path.subarray(frames)];
    this.power = [power.subarray(blocks)];
    this.begin = end;
    return words.map(({ word }, i) => {
      const [from, to] = borders[i];
      return { word, start: Math.min(begin + from, end), end: Math.min(begin + to, end) };
    });
  }
}
