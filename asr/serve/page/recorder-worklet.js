// Runs on the audio thread: passes on what the microphone gives, in blocks of about a twelfth of a second.

const BLOCK = 2048; // samples

class Take extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(BLOCK);
    this.filled = 0;
    this.ended = false;
    this.port.onmessage = () => {
      this.send();
      this.ended = true;
      this.port.postMessage(null); // that was all
    };
  }

  send() {
    if (!this.filled) return;
    const part = this.block.slice(0, this.filled);
    this.filled = 0;
    this.port.postMessage(part, [part.buffer]);
  }

  process([channels]) {
    const count = channels.length;
    for (let i = 0; count && i < channels[0].length; i += 1) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      this.block[this.filled] = sum / count;
      this.filled += 1;
      if (this.filled === BLOCK) this.send();
    }
    return !this.ended;
  }
}

registerProcessor("take", Take);
