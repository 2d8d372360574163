// The sound of a file: samples of all channels mixed, at the file's own rate. Plain samples (WAVE, AIFF, SPHERE) are read as
// they are, bit by bit; the rest is decoded by the browser, asked for the file's own rate, so that it does not resample.

import { aiffLayout, sphereLayout } from "./pcm-layout.js";
import { wavLayout, wavSamples, word } from "./wav.js";

const CHUNK = 1 << 20; // frames read at once
const [LOWEST, HIGHEST] = [8000, 96_000]; // Hz that every browser decodes to
const USUAL = 48_000; // Hz, where a file does not say, or says what is hard to find

export class UnreadableError extends Error {}

/** @returns {Promise<{ samples: Float32Array, rate: number }>}
 *  @throws {UnreadableError} with a message for people */
export async function waveformOf(blob, name) {
  if (!blob.size) throw new UnreadableError(`${name} is empty (0 bytes).`);
  const layout = (await wavLayout(blob)) ?? (await sphereLayout(blob)) ?? (await aiffLayout(blob));
  const found = layout ? await plain(blob, layout, name) : await decoded(blob, name);
  if (!found.samples.length) throw new UnreadableError(`${name} holds no sound (0 samples).`);
  if (found.samples.some((value) => !Number.isFinite(value))) throw new UnreadableError(`${name} has samples that are no numbers.`);
  return found;
}

async function plain(blob, layout, name) {
  if (layout.missing) throw new UnreadableError(`${name} is cut off: it says that it has ${layout.missing} bytes more.`);
  const samples = new Float32Array(layout.frames);
  for (let from = 0; from < layout.frames; from += CHUNK)
    samples.set(await wavSamples(blob, layout, from, Math.min(layout.frames, from + CHUNK)), from);
  return { samples, rate: layout.rate };
}

async function decoded(blob, name) {
  const bytes = await blob.arrayBuffer();
  const { rate, bits } = formOf(new DataView(bytes));
  const context = new OfflineAudioContext(1, 1, rate >= LOWEST && rate <= HIGHEST ? rate : USUAL);
  let sound;
  try {
    sound = await context.decodeAudioData(bytes);
  } catch {
    throw new UnreadableError(`${name} is no sound, or none that this browser can decode.`);
  }
  const channels = Array.from({ length: sound.numberOfChannels }, (_, i) => sound.getChannelData(i));
  if (bits && rate === sound.sampleRate) channels.forEach((samples) => unstretch(samples, 2 ** (bits - 1)));
  const mixed = (_, i) => channels.reduce((sum, samples) => sum + samples[i], 0) / channels.length;
  return { samples: channels.length === 1 ? channels[0].slice() : Float32Array.from(channels[0], mixed), rate: sound.sampleRate };
}

/** Whole numbers between -level and level - 1 that became fractions: some browsers divide those above zero by level - 1. */
function unstretch(samples, level) {
  if (samples.every((value) => Number.isInteger(value * level))) return;
  samples.forEach((value, i) => (samples[i] = Math.round(value * (value > 0 ? level - 1 : level)) / level));
}

/** What the head of a file says: { rate } in Hz, and { bits } of samples that were whole numbers. */
function formOf(view) {
  const find = (text, most) => {
    for (let at = 0; at < Math.min(most, view.byteLength - text.length - 32); at += 1)
      if (view.getUint8(at) === text.charCodeAt(0) && word(view, at, text.length) === text) return at;
    return -1;
  };
  if (view.byteLength < 64) return { rate: USUAL };
  if (word(view, 0) === "RIFF") return { rate: view.getUint32(24, true) };
  if (word(view, 0) === "fLaC") return { rate: view.getUint32(18) >>> 12, bits: ((view.getUint16(20) >> 4) & 31) + 1 };
  if (word(view, 0) === "OggS") {
    const vorbis = find("\x01vorbis", 512);
    return { rate: vorbis > 0 ? view.getUint32(vorbis + 12, true) : USUAL };
  }
  if (word(view, 4) === "ftyp") {
    const track = find("mp4a", view.byteLength);
    return { rate: track > 0 ? view.getUint16(track + 28) : USUAL };
  }
  return { rate: mp3Rate(view, word(view, 0, 3) === "ID3") ?? USUAL };
}

/** Of the first frame of an MP3 file, behind what is said of its song. */
function mp3Rate(view, tagged) {
  const seven = (at) => view.getUint8(at) & 127;
  let at = tagged ? 10 + ((seven(6) << 21) | (seven(7) << 14) | (seven(8) << 7) | seven(9)) : 0;
  for (const end = Math.min(view.byteLength - 4, at + 4096); at < end; at += 1) {
    const head = view.getUint32(at);
    const [version, layer, rate] = [(head >> 19) & 3, (head >> 17) & 3, (head >> 10) & 3];
    if (head >>> 21 === 0x7ff && version !== 1 && layer === 1 && rate !== 3)
      return [44_100, 48_000, 32_000][rate] / { 3: 1, 2: 2, 0: 4 }[version];
  }
  return null;
}
