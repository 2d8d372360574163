// Text while one speaks, over the server's WebSocket. What it says is a preview: the recording is transcribed as a whole later.

import { tokenOf } from "./server.js";

export class Live extends EventTarget {
  /** Events: "text" (detail: { settled, open }); "lost" where the server offers none or has no room. */
  constructor(model, rate) {
    super();
    const address = new URL(`v1/realtime?model=${encodeURIComponent(model)}`, document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    const token = tokenOf();
    this.settled = "";
    this.open = "";
    this.waiting = []; // blocks that came before the connection
    this.socket = new WebSocket(address, ["realtime", ...(token ? [`openai-insecure-api-key.${token}`] : [])]);
    this.socket.onopen = () => {
      const input = { format: { type: "audio/pcm", rate }, transcription: { model } };
      this.socket.send(JSON.stringify({ type: "session.update", session: { type: "transcription", audio: { input } } }));
      this.waiting.splice(0).forEach((block) => this.socket.send(block));
    };
    this.socket.onmessage = ({ data }) => this.receive(JSON.parse(data));
    this.socket.onclose = () => this.dispatchEvent(new Event("lost"));
  }

  /** @param {Int16Array} block */
  send(block) {
    if (this.socket.readyState === WebSocket.CONNECTING) this.waiting.push(block);
    else if (this.socket.readyState === WebSocket.OPEN) this.socket.send(block);
  }

  receive(event) {
    const kind = event.type.replace("conversation.item.input_audio_transcription.", "");
    if (kind === "partial") this.open = event.text;
    else if (kind === "completed") {
      this.settled = `${this.settled} ${event.transcript}`.trim();
      this.open = "";
    } else return;
    this.dispatchEvent(new CustomEvent("text", { detail: { settled: this.settled, open: this.open } }));
  }

  close() {
    this.socket.onclose = null;
    this.socket.close();
  }
}
