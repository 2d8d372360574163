// The sound of one file, off the page's thread: its outline and spectrogram for any stretch, and its samples.
//
// Messages: { id, ask: "open" | "view" | "stretch", ... }; each is answered by { id, ... } or { id, error }.

import { Spectrum, hertz, mel } from "./spectrum.js";
import { wavSamples } from "./wav.js";

const BLOCK = 256; // samples, of which the outline keeps the lowest and highest
const CHUNK = 1 << 20; // samples, read at once
const HIGHEST = 8000; // Hz, of the spectrogram
const RANGE = 70; // dB, from the loudest to black

let read; // (from, to) -> Promise<Float32Array>; never outside of the file
let rate;
let frames;
let lows; // of blocks
let highs;
let spectrum;
let loudest; // power of the strongest cell, of which the others are a part
let scanned; // a promise: lows and highs are there

async function open({ samples, blob, layout, rate: hertzOfSamples }) {
  rate = hertzOfSamples;
  frames = samples ? samples.length : layout.frames;
  read = samples
    ? (from, to) => samples.subarray(Math.max(0, from), Math.min(frames, to))
    : (from, to) => wavSamples(blob, layout, Math.max(0, from), Math.min(frames, to));
  spectrum = new Spectrum(2 ** Math.round(Math.log2(rate * 0.025)));
  loudest = await strongest();
  scanned = scan();
  return { duration: frames / rate };
}

/** The greatest power of frames all over the file: one scale wherever one looks. */
async function strongest() {
  let found = 1e-6;
  for (let place = 0; place < 64; place += 1) {
    const part = await read(Math.floor((place / 64) * frames), Math.floor((place / 64) * frames) + 8 * spectrum.size);
    for (let at = 0; at < part.length; at += spectrum.size) for (const power of spectrum.of(part, at)) if (power > found) found = power;
  }
  return found;
}

/** The outline of the whole file, in blocks; other questions are answered meanwhile. */
async function scan() {
  lows = new Float32Array(Math.ceil(frames / BLOCK));
  highs = new Float32Array(lows.length);
  for (let from = 0; from < frames; from += CHUNK) {
    const part = await read(from, from + CHUNK);
    for (let block = 0; block * BLOCK < part.length; block += 1)
      [lows[from / BLOCK + block], highs[from / BLOCK + block]] = extent(part, block * BLOCK, (block + 1) * BLOCK);
    await new Promise((resolve) => setTimeout(resolve));
  }
}

function extent(values, from, to) {
  let low = Infinity;
  let high = -Infinity;
  for (let i = from; i < Math.min(to, values.length); i += 1) {
    if (values[i] < low) low = values[i];
    if (values[i] > high) high = values[i];
  }
  return low > high ? [0, 0] : [low, high];
}

/** Lowest and highest of each of `width` columns from one second to another. */
async function outline(from, to, width) {
  const perColumn = ((to - from) * rate) / width;
  const low = new Float32Array(width);
  const high = new Float32Array(width);
  const first = Math.floor(from * rate);
  const raw = perColumn < BLOCK ? await read(first, Math.ceil(to * rate) + 1) : null;
  const offset = Math.max(0, first);
  if (!raw) await scanned;
  for (let x = 0; x < width; x += 1) {
    const [a, b] = [from * rate + x * perColumn, from * rate + (x + 1) * perColumn];
    if (b <= 0 || a >= frames) continue;
    if (raw) [low[x], high[x]] = extent(raw, Math.max(0, Math.floor(a) - offset), Math.max(1, Math.ceil(b) - offset));
    else {
      const range = [Math.max(0, Math.floor(a / BLOCK)), Math.max(1, Math.ceil(b / BLOCK))];
      [low[x], high[x]] = [extent(lows, ...range)[0], extent(highs, ...range)[1]];
    }
  }
  return { low, high };
}

/** Which bins of the spectrum each row of the picture covers, high frequencies first; rows are equal steps in mel. */
function bands(rows) {
  const top = mel(Math.min(HIGHEST, rate / 2));
  return Array.from({ length: rows }, (_, row) => {
    const [low, high] = [rows - row - 1, rows - row].map((edge) => (hertz((top * edge) / rows) * spectrum.size) / rate);
    return [low, Math.max(high, low + 1e-3)];
  });
}

function cell(power, [low, high]) {
  if (high - low < 1) {
    const middle = Math.min(power.length - 1.001, (low + high) / 2);
    const below = Math.floor(middle);
    return power[below] + (power[below + 1] - power[below]) * (middle - below);
  }
  let sum = 0;
  let count = 0;
  for (let bin = Math.floor(low); bin < Math.min(high, power.length); bin += 1) {
    sum += power[bin];
    count += 1;
  }
  return count ? sum / count : 0;
}

/** A picture, (height, width), of the stretch; `colours` are 256 colours of four bytes from silence to the loudest. */
async function picture(from, to, width, height, colours) {
  const pixels = new Uint32Array(width * height);
  const palette = new Uint32Array(colours.buffer);
  const rows = bands(height);
  const perColumn = ((to - from) * rate) / width;
  const half = spectrum.size / 2;
  const whole = (to - from) * rate < 4 * CHUNK ? await read(Math.floor(from * rate) - half, Math.ceil(to * rate) + half) : null;
  const offset = Math.max(0, Math.floor(from * rate) - half);
  const looks = whole && perColumn > 3 * spectrum.size ? 3 : 1; // frames a column: one alone misses what is beside it
  const sum = new Float32Array(height);
  for (let x = 0; x < width; x += 1) {
    sum.fill(0);
    const left = from * rate + x * perColumn;
    if (left + perColumn < 0 || left > frames) continue; // transparent
    for (let look = 0; look < looks; look += 1) {
      const at = Math.floor(left + ((look + 0.5) / looks) * perColumn) - half;
      const part = whole ?? (await read(Math.max(0, at), at + spectrum.size));
      const power = spectrum.of(part, whole ? at - offset : Math.min(at, 0));
      for (let row = 0; row < height; row += 1) sum[row] += cell(power, rows[row]);
    }
    for (let row = 0; row < height; row += 1) {
      const level = 1 + (10 * Math.log10(sum[row] / looks / loudest + 1e-12)) / RANGE;
      pixels[row * width + x] = palette[Math.max(0, Math.min(255, Math.round(level * 255)))];
    }
  }
  return createImageBitmap(new ImageData(new Uint8ClampedArray(pixels.buffer), width, height));
}

async function view({ from, to, width, height, colours }) {
  const { low, high } = await outline(from, to, width);
  return { low, high, highest: Math.min(HIGHEST, rate / 2), image: height ? await picture(from, to, width, height, colours) : null };
}

async function stretch({ from, to }) {
  const samples = await read(Math.round(from * rate), Math.round(to * rate));
  return { samples: samples.slice(), rate };
}

const asks = { open, view, stretch };
let last = Promise.resolve(); // one after the other, as they came

self.onmessage = ({ data }) => {
  last = last.then(async () => {
    try {
      const answer = await asks[data.ask](data);
      const moved = [answer.low?.buffer, answer.high?.buffer, answer.samples?.buffer, answer.image].filter(Boolean);
      self.postMessage({ id: data.id, ...answer }, moved);
    } catch (error) {
      self.postMessage({ id: data.id, error: String(error) });
    }
  });
};
