// Where the samples are in files of plain numbers that browsers do not play: NIST SPHERE and AIFF.
// Each function gives { rate, channels, bits, float, start, frames, big }, or null where the file is another one.

import { word } from "./wav.js";

/** NIST SPHERE with linear samples; its head is lines of text: name, -type, value. */
export async function sphereLayout(blob) {
  const first = (await blob.slice(0, 16).text()).split("\n");
  if (first[0] !== "NIST_1A") return null;
  const start = parseInt(first[1], 10);
  const fields = new Map((await blob.slice(16, start).text()).split("\n").map((line) => {
    const [name, , ...value] = line.trim().split(" ");
    return [name, value.join(" ")];
  }));
  const whole = (name) => parseInt(fields.get(name), 10);
  const channels = whole("channel_count") || 1;
  const width = whole("sample_n_bytes");
  const rate = whole("sample_rate");
  if ((fields.get("sample_coding") ?? "pcm") !== "pcm" || ![1, 2, 4].includes(width) || !rate) return null;
  if (width === 1) return null; // 8 bits are a law of their own there
  const frames = Math.floor((blob.size - start) / (channels * width));
  return { rate, channels, bits: width * 8, float: false, start, frames, big: fields.get("sample_byte_format") !== "01" };
}

/** AIFF, and AIFF-C whose samples are not compressed. */
export async function aiffLayout(blob) {
  const head = new DataView(await blob.slice(0, 12).arrayBuffer());
  if (head.byteLength < 12 || word(head, 0) !== "FORM" || !word(head, 8).startsWith("AIF")) return null;
  let common = null;
  for (let at = 12; at + 8 <= blob.size; ) {
    const chunk = new DataView(await blob.slice(at, at + 32).arrayBuffer());
    if (chunk.byteLength < 16) return null;
    const size = chunk.getUint32(4);
    if (word(chunk, 0) === "COMM" && chunk.byteLength >= 26) {
      const coding = size >= 22 && chunk.byteLength >= 30 ? word(chunk, 26) : "NONE";
      const bits = chunk.getUint16(14);
      // The rate is a float of 80 bits: exponent, and a fraction with its leading one.
      const rate = Math.round(chunk.getUint32(18) * 2 ** ((chunk.getUint16(16) & 0x7fff) - 16383 - 31));
      if (!["NONE", "sowt"].includes(coding) || ![16, 24, 32].includes(bits) || !rate) return null;
      common = { rate, channels: chunk.getUint16(8), bits, float: false, big: coding === "NONE", frames: chunk.getUint32(10) };
    } else if (word(chunk, 0) === "SSND" && common) {
      const start = at + 16 + chunk.getUint32(8);
      const there = Math.floor((blob.size - start) / ((common.channels * common.bits) / 8));
      return { ...common, start, frames: Math.min(common.frames, there) };
    }
    at += 8 + size + (size & 1);
  }
  return null;
}
