// RIFF WAVE: written from what was recorded, and read in pieces, so that an hour of it need not be in memory.

const PIPED = 0x7ffff000; // bytes; who writes into a pipe does not know how many there will be, and says at least as many

/** A file of 16 bit samples, one channel. `blocks` are Int16Arrays. */
export function wavOf(blocks, rate) {
  const bytes = blocks.reduce((sum, block) => sum + block.byteLength, 0);
  const view = new DataView(new ArrayBuffer(44));
  const ascii = (at, text) => [...text].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  ascii(0, "RIFF");
  view.setUint32(4, 36 + bytes, true);
  ascii(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  ascii(36, "data");
  view.setUint32(40, bytes, true);
  return new Blob([view.buffer, ...blocks], { type: "audio/wav" });
}

/** Samples of [-1, 1] as 16 bit integers. */
export function sixteenBits(samples) {
  return Int16Array.from(samples, (value) => Math.max(-32768, Math.min(32767, Math.round(value * 32767))));
}

/** Letters at a place; four of them are what RIFF, IFF and others name what follows by. */
export const word = (view, at, size = 4) => String.fromCharCode(...Array.from({ length: size }, (_, i) => view.getUint8(at + i)));

/** Where the samples of a plain WAVE file are: { rate, channels, bits, float, start, frames, missing }, `missing` being bytes that
 *  its head says there are; or null where it is another file. */
export async function wavLayout(blob) {
  const head = new DataView(await blob.slice(0, 12).arrayBuffer());
  if (head.byteLength < 12 || word(head, 0) !== "RIFF" || word(head, 8) !== "WAVE") return null;
  let layout = null;
  for (let at = 12; at + 8 <= blob.size; ) {
    const chunk = new DataView(await blob.slice(at, at + 48).arrayBuffer());
    if (chunk.byteLength < 8) return null;
    const [name, size] = [word(chunk, 0), chunk.getUint32(4, true)];
    if (name === "fmt " && chunk.byteLength >= 24) {
      let kind = chunk.getUint16(8, true);
      if (kind === 0xfffe && chunk.byteLength >= 34) kind = chunk.getUint16(32, true); // WAVE_FORMAT_EXTENSIBLE
      layout = {
        rate: chunk.getUint32(12, true),
        channels: chunk.getUint16(10, true),
        bits: chunk.getUint16(22, true),
        float: kind === 3,
      };
      const known = (kind === 1 && [8, 16, 24, 32].includes(layout.bits)) || (kind === 3 && layout.bits === 32);
      if (!known || !layout.channels || !layout.rate) return null;
    } else if (name === "data" && layout) {
      const there = Math.min(size, blob.size - at - 8);
      const missing = size < PIPED ? size - there : 0;
      return { ...layout, start: at + 8, frames: Math.floor(there / ((layout.channels * layout.bits) / 8)), missing };
    }
    at += 8 + size + (size & 1);
  }
  return null;
}

/** Samples from one frame to another, channels mixed: a Float32Array. `big`: the first byte of a sample is its highest. */
export async function wavSamples(blob, layout, from, to) {
  const { channels, bits, float, start, big = false } = layout;
  const width = bits / 8;
  const frame = channels * width;
  const view = new DataView(await blob.slice(start + from * frame, start + to * frame).arrayBuffer());
  const read = {
    8: (at) => (view.getUint8(at) - 128) / 128,
    16: (at) => view.getInt16(at, !big) / 32768,
    24: (at) => (view.getUint8(at + (big ? 2 : 0)) / 256 + view.getInt16(at + (big ? 0 : 1), !big)) / 32768,
    32: float ? (at) => view.getFloat32(at, !big) : (at) => view.getInt32(at, !big) / 2147483648,
  }[bits];
  const samples = new Float32Array(Math.floor(view.byteLength / frame));
  for (let i = 0; i < samples.length; i += 1) {
    let sum = 0;
    for (let c = 0; c < channels; c += 1) sum += read(i * frame + c * width);
    samples[i] = sum / channels;
  }
  return samples;
}
