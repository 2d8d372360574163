// When a word begins and ends, in seconds, as asr/decoding/word_borders.py finds it, which says how and why.

const PRE_EMPHASIS = 0.5; // of the difference that lets fricatives count
const QUIET = 0.25; // of the way from the background to the loudest speech, in dB
const [BACKGROUND, LOUD] = [5, 95]; // percentiles of the loudness that are taken for those
const RANGE = 50; // dB below the loud that the background may be
const PAUSE = 0.03; // seconds that a pause has at least
const [BEFORE, AFTER] = [0.08, 0.1]; // seconds that a word reaches beyond its spikes, where no pause tells
const WEIGHT = 2; // observations that these two count as
const DIP = 300; // dB for being a second (squared) away from where the border is expected

/** The mean square of each block of so many samples, after a weak pre-emphasis; the last may be short. */
export function powers(samples, block) {
  return Float64Array.from({ length: Math.ceil(samples.length / block) }, (_, number) => {
    const end = Math.min(samples.length, (number + 1) * block);
    let sum = 0;
    for (let i = number * block; i < end; i += 1) sum += (samples[i] - (i ? PRE_EMPHASIS * samples[i - 1] : 0)) ** 2;
    return sum / (end - number * block);
  });
}

/** [start, end] of each word, in seconds from the beginning of the sound.
 *  @param {{ start: number, end: number }[]} words in frames
 *  @param {number} period seconds from one frame to the next
 *  @param {Float64Array} power of the blocks of the same audio
 *  @param {number} block seconds
 *  @param {number} centre seconds from the beginning of the sound to the middle of frame 0 */
export function wordBorders(words, period, power, block, centre = 0) {
  if (!words.length) return [];
  const whole = power.length * block;
  const second = (frame) => Math.min(Math.max(0, (frame - 0.5) * period + centre), whole);
  const ends = words.map((word) => second(word.end));
  const finder = new Finder(power, block);
  const begins = words.map((word, i) => finder.outOfQuiet(second(word.start), ends[i] - period));
  // Before the first word, between each two, after the last.
  const gaps = [0, ...ends].map((from, i) => finder.pause(from, i < begins.length ? begins[i] : whole));
  const before = reach(BEFORE, begins.map((begin, i) => gaps[i] && begin - gaps[i][1]));
  const after = reach(AFTER, ends.map((end, i) => gaps[i + 1] && gaps[i + 1][0] - end));
  const inner = gaps.slice(1, -1).map((gap, i) => {
    if (gap) return gap;
    const [left, right] = [ends[i], begins[i + 1]];
    const border = finder.dip(left, right, left + ((right - left) * after) / (before + after));
    return [border, border];
  });
  const last = gaps.at(-1);
  const starts = [gaps[0] ? gaps[0][1] : Math.max(0, begins[0] - before), ...inner.map(([, end]) => end)];
  const stops = [...inner.map(([begin]) => begin), last ? last[0] : Math.min(whole, ends.at(-1) + after)];
  return starts.map((start, i) => [start, stops[i]]);
}

/** Looks for pauses and dips in the loudness. */
class Finder {
  constructor(power, block) {
    const decibels = loudness(power);
    const loud = percentile(decibels, LOUD);
    const background = Math.max(percentile(decibels, BACKGROUND), loud - RANGE);
    const quiet = background + QUIET * (loud - background);
    this.silence = decibels.map((level) => quiet - level); // above 0 where it is quiet
    this.levels = levels(decibels);
    this.block = block;
  }

  /** The stretch between two times (seconds) over which it is quiet by most, or null. */
  pause(begin, end) {
    const [first, last] = this.blocks(begin, end);
    if (last <= first) return null;
    const sums = [0];
    for (let i = first; i < last; i += 1) sums.push(sums.at(-1) + this.silence[i]);
    let [stop, start, most] = [0, 0, 0];
    let lowest = 0; // where the least sum so far is; of equal ones the last
    sums.forEach((sum, i) => {
      if (sum <= sums[lowest]) lowest = i;
      if (sum - sums[lowest] > most) [most, start, stop] = [sum - sums[lowest], lowest, i];
    });
    if ((stop - start) * this.block < PAUSE - 1e-9) return null;
    return [(first + start) * this.block, (first + stop) * this.block];
  }

  /** The first of two times (seconds), or where the quiet around it ends; not beyond the second. */
  outOfQuiet(begin, end) {
    const [first, last] = this.blocks(begin, end);
    if (last <= first) return begin;
    const loud = this.silence.subarray(first, last).findIndex((value) => value < 0);
    if (loud >= 0 && loud * this.block < PAUSE) return begin;
    return Math.max(begin, loud >= 0 ? (first + loud) * this.block : end);
  }

  /** The time between two others (seconds) at which it is weak, and near to what is expected. */
  dip(begin, end, expected) {
    const [first, last] = this.blocks(begin, end);
    if (last <= first) return expected;
    const cost = (place) => this.levels[place] + DIP * (place * this.block - expected) ** 2;
    let best = first;
    for (let place = first; place <= last; place += 1) if (cost(place) < cost(best)) best = place;
    return Math.min(Math.max(best * this.block, begin), end);
  }

  blocks(begin, end) {
    return [rounded(begin / this.block), Math.min(rounded(end / this.block), this.silence.length)];
  }
}

/** To the nearest whole number, halves to the even one, as Python does. */
function rounded(value) {
  const below = Math.floor(value);
  if (value - below === 0.5) return below + (below % 2);
  return Math.round(value);
}

/** dB, over three blocks each. */
function loudness(power) {
  const at = (i) => power[Math.max(0, Math.min(power.length - 1, i))];
  return power.map((_, i) => 10 * Math.log10((at(i - 1) + at(i) + at(i + 1)) / 3 + 1e-10));
}

/** The mean dB of the four blocks around each place between two blocks, and around the ends. */
function levels(decibels) {
  const at = (i) => decibels[Math.max(0, Math.min(decibels.length - 1, i))];
  return Float64Array.from({ length: decibels.length + 1 }, (_, i) => (at(i - 2) + at(i - 1) + at(i) + at(i + 1)) / 4);
}

/** Linear between the two nearest values. */
function percentile(values, percent) {
  if (!values.length) return 0;
  const sorted = values.toSorted();
  const place = ((values.length - 1) * percent) / 100;
  const below = Math.floor(place);
  return sorted[below] + (sorted[Math.min(below + 1, values.length - 1)] - sorted[below]) * (place - below);
}

/** Seconds that a word reaches beyond its spikes: the mean of what was seen (not null), and of the usual as `WEIGHT` more. */
function reach(usual, seen) {
  const known = seen.filter((value) => value !== null);
  return known.reduce((sum, value) => sum + value, usual * WEIGHT) / (WEIGHT + known.length);
}
