// A file that can be seen and played. Its samples are in a worker of its own; the page has only its address.

import { aiffLayout, sphereLayout } from "./pcm-layout.js";
import { sixteenBits, wavLayout, wavOf, wavSamples } from "./wav.js";

const RATE = 24_000; // Hz, of what the browser decodes
const LONGEST = 3600; // seconds that are decoded as a whole (a quarter of a gigabyte); longer WAVE files are read in pieces

export class Sound {
  /** @returns {Promise<Sound>} one without a picture where the browser cannot decode the file, and `reason` says so */
  static async open(blob) {
    const sound = new Sound(blob);
    try {
      await sound.read();
    } catch {
      sound.reason ||= `Your browser cannot decode this file, so there is no waveform${sound.playable ? "" : ", and nothing to play"}.`;
    }
    return sound;
  }

  constructor(blob) {
    this.blob = blob;
    this.address = URL.createObjectURL(blob);
    this.duration = 0;
    this.reason = "";
    this.playable = false;
    this.drawn = false;
    this.asked = new Map();
    this.ids = 0;
  }

  async read() {
    let layout = await wavLayout(this.blob);
    if (!layout) {
      layout = (await sphereLayout(this.blob)) ?? (await aiffLayout(this.blob));
      if (layout) await this.makePlayable(layout);
    }
    this.duration = layout ? layout.frames / layout.rate : await lengthOf(this.address);
    this.playable = true;
    if (layout) await this.ask("open", { blob: this.blob, layout, rate: layout.rate });
    else if (this.duration !== Infinity && this.duration > LONGEST) {
      this.reason = "Longer than an hour: the waveform is drawn for WAV files only. It can be played all the same.";
      return;
    } else {
      const decoder = new OfflineAudioContext(1, 1, RATE);
      const decoded = await decoder.decodeAudioData(await this.blob.arrayBuffer());
      const samples = mixed(decoded);
      await this.ask("open", { samples, rate: RATE }, [samples.buffer]);
      this.duration = decoded.duration;
    }
    this.drawn = this.duration > 0;
  }

  /** A WAVE file of what no browser plays. */
  async makePlayable(layout) {
    const blocks = [];
    const most = 1 << 20;
    for (let from = 0; from < layout.frames; from += most)
      blocks.push(sixteenBits(await wavSamples(this.blob, layout, from, Math.min(layout.frames, from + most))));
    URL.revokeObjectURL(this.address);
    this.address = URL.createObjectURL(wavOf(blocks, layout.rate));
  }

  /** Asks the worker; a promise of its answer. */
  ask(ask, what, moved = []) {
    if (!this.worker) {
      this.worker = new Worker(new URL("sound-worker.js", import.meta.url), { type: "module" });
      this.worker.onmessage = ({ data }) => {
        const { resolve, reject } = this.asked.get(data.id);
        this.asked.delete(data.id);
        if (data.error) reject(new Error(data.error));
        else resolve(data);
      };
      this.worker.onerror = () => this.giveUp("the worker could not be loaded");
    }
    this.ids += 1;
    const id = this.ids;
    return new Promise((resolve, reject) => {
      this.asked.set(id, { resolve, reject });
      this.worker.postMessage({ id, ask, ...what }, moved);
    });
  }

  /** Nobody waits for an answer that will not come. */
  giveUp(reason) {
    for (const { reject } of this.asked.values()) reject(new Error(reason));
    this.asked.clear();
  }

  close() {
    this.worker?.terminate();
    this.giveUp("closed");
    URL.revokeObjectURL(this.address);
  }
}

function mixed(decoded) {
  const samples = decoded.getChannelData(0);
  for (let channel = 1; channel < decoded.numberOfChannels; channel += 1)
    decoded.getChannelData(channel).forEach((value, i) => (samples[i] += value));
  if (decoded.numberOfChannels > 1) samples.forEach((value, i) => (samples[i] = value / decoded.numberOfChannels));
  return samples.slice();
}

/** Seconds, by the file's own head; Infinity where it does not say. */
function lengthOf(address) {
  return new Promise((resolve, reject) => {
    const element = new Audio();
    element.preload = "metadata";
    element.onloadedmetadata = () => resolve(element.duration);
    element.onerror = () => reject(new Error("cannot be decoded"));
    element.src = address;
  });
}
