// A recording of the microphone as a WAVE file of 16 bits, made here: the server needs to know no other format for it.

import { sixteenBits, wavOf } from "./wav.js";

const RATE = 24_000; // Hz; some browsers record in the rate of the device only

const REASONS = {
  NotAllowedError: "The browser did not allow the microphone. Allow it for this page in the address bar, then try again.",
  NotFoundError: "No microphone was found. Plug one in, then try again.",
  NotReadableError: "The microphone is in use by another program. Close it there, then try again.",
};

/** Why this page cannot record at all, or "" where it can. */
export function whyNot() {
  if (!window.isSecureContext) return "Browsers give the microphone only to pages of localhost or https.";
  if (!navigator.mediaDevices?.getUserMedia || !window.AudioWorkletNode) return "This browser cannot record.";
  return "";
}

export class Recorder {
  /** @param {(peak: number, samples: Int16Array) => void} heard called with each block: its peak of 0 to 1, and its samples
   *  @param {() => void} gone called when the microphone is unplugged or forbidden */
  constructor(heard, gone) {
    this.heard = heard;
    this.gone = gone;
    this.blocks = [];
    this.samples = 0;
  }

  get seconds() {
    return this.context ? this.samples / this.context.sampleRate : 0;
  }

  get rate() {
    return this.context.sampleRate;
  }

  /** Begins; an Error whose message says what to do where it cannot. */
  async start() {
    try {
      const wanted = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: true };
      this.stream = await navigator.mediaDevices.getUserMedia({ audio: wanted });
    } catch (error) {
      throw new Error(REASONS[error.name] ?? `The microphone could not be opened (${error.message}).`);
    }
    try {
      this.context = new AudioContext({ sampleRate: RATE });
      this.source = this.context.createMediaStreamSource(this.stream);
    } catch {
      await this.context?.close();
      this.context = new AudioContext();
      this.source = this.context.createMediaStreamSource(this.stream);
    }
    try {
      await this.context.audioWorklet.addModule(new URL("recorder-worklet.js", import.meta.url));
    } catch {
      throw new Error("A part of this page could not be loaded. Is the server still running?");
    }
    this.take = new AudioWorkletNode(this.context, "take", { numberOfOutputs: 0 });
    this.ended = new Promise((resolve) => {
      this.take.port.onmessage = ({ data }) => {
        if (data === null) resolve();
        else this.add(data);
      };
    });
    this.stream.getTracks().forEach((track) => (track.onended = this.gone)); // not by our own stop()
    this.source.connect(this.take);
    await this.context.resume();
  }

  add(samples) {
    const block = sixteenBits(samples);
    this.blocks.push(block);
    this.samples += block.length;
    this.heard(samples.reduce((peak, value) => Math.max(peak, Math.abs(value)), 0), block);
  }

  /** Ends; the file, or null where nothing was heard. */
  async stop() {
    this.take.port.postMessage(null);
    await Promise.race([this.ended, new Promise((resolve) => setTimeout(resolve, 500))]); // a device that is gone sends no more
    const { rate } = this;
    this.discard();
    return this.samples ? wavOf(this.blocks, rate) : null;
  }

  discard() {
    this.source?.disconnect();
    this.stream?.getTracks().forEach((track) => track.stop());
    this.context?.close();
  }
}
