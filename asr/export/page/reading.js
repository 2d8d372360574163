// Log-probs to words: the best token of each frame, as asr/decoding/greedy.py, reader.py and word_times.py read them.

import { PhoneWords } from "./phone-words.js";

const BLANK = 0;

/** The best token of each frame; of equally probable ones the lowest.
 *  @param {Float32Array} logProbs (frames, tokens)
 *  @returns {Int32Array} (frames,) */
export function bestPath(logProbs, tokens) {
  return Int32Array.from({ length: logProbs.length / tokens }, (_, frame) => {
    let best = 0;
    for (let token = 0; token < tokens; token += 1) {
      const value = logProbs[frame * tokens + token];
      if (Number.isNaN(value)) throw new Error(`the model gave no number in frame ${frame}`);
      if (value > logProbs[frame * tokens + best]) best = token;
    }
    return best;
  });
}

/** Runs of one token, blanks left out: [{ token, start, end }]. */
function spansOf(path) {
  const spans = [];
  path.forEach((token, frame) => {
    if (frame && token === path[frame - 1]) spans.at(-1).end = frame + 1;
    else spans.push({ token, start: frame, end: frame + 1 });
  });
  return spans.filter((span) => span.token !== BLANK);
}

/** Without separators at the ends, and of several in a row the first one alone. */
function withoutSpare(spans, separator) {
  const kept = [];
  for (const span of spans) if (span.token !== separator || (kept.length && kept.at(-1).token !== separator)) kept.push(span);
  return kept.length && kept.at(-1).token === separator ? kept.slice(0, -1) : kept;
}

export class Reading {
  /** @param {object} tokens of reading.json: symbols (tokens,), and of phones what tells words */
  constructor(tokens) {
    this.symbols = tokens.symbols;
    this.separator = this.symbols.indexOf(" ");
    this.phones = tokens.kind === "phones" ? new PhoneWords(tokens) : null;
  }

  /** Whether a token begins a word, the separator among them. */
  begins(token) {
    return this.symbols[token].startsWith(" ");
  }

  /** The words of a path: [{ word, start, end }], in frames. */
  words(path) {
    const spans = withoutSpare(spansOf(path), this.separator);
    const groups = this.phones ? this.phones.segment(spans.map((span) => span.token)) : this.written(spans);
    return groups.map(({ word, first, last }) => ({ word, start: spans[first].start, end: spans.at(last - 1).end }));
  }

  /** Where tokens tell words. Tokens without text make no word alone. */
  written(spans) {
    const groups = [];
    let open = null;
    spans.forEach(({ token }, place) => {
      if (this.begins(token) || !open) groups.push((open = { first: place, last: place, word: "" }));
      open.word += this.symbols[token].trim();
      open.last = place + 1;
      if (token === this.separator) open = null;
    });
    return groups.filter((group) => group.word);
  }
}
