// Phones to words: the words whose pronunciations take the fewest edits to become the phones heard. The same search as
// asr/tokenizer/segmentation.py and homophones.py, which say what it is; costs are whole numbers, so both find the same.

const EDIT = 1_000_000; // of a phone; a word that is 1 / e of the training texts costs 1000
const BOUNDARY = EDIT - EDIT / 20; // an edit of what stands between words
const DROPPED = -1; // instead of a word: the phone belongs to none
const EDGE = ""; // stands before the first word of a text, and after its last

export class PhoneWords {
  /** @param {object} tokens boundary (the token between words, or null), spelled: [[word, its tokens, its cost]] in the order
   *  in which equals are preferred, counts and pairs of words in the training texts */
  constructor({ boundary, spelled, counts, pairs }) {
    this.boundary = boundary;
    this.spelled = spelled;
    this.beside = new Beside(counts, pairs);
    this.exact = new Map(); // numbers of the words that are spelled so
    spelled.forEach(([, tokens], number) => {
      const key = tokens.join(" ");
      if (!this.exact.has(key)) this.exact.set(key, []);
      this.exact.get(key).push(number);
    });
    this.grow();
  }

  /** The words of tokens without blanks: [{ word, first, last }], whose tokens are tokens[first:last]. */
  segment(tokens) {
    const { boundary } = this;
    const kept = [...tokens.keys()].filter((place) => tokens[place] !== boundary || (place && tokens[place - 1] !== boundary));
    while (kept.length && tokens[kept.at(-1)] === boundary) kept.pop();
    if (kept.length && tokens[kept[0]] === boundary) kept.shift();
    if (!kept.length) return [];
    const heard = kept.map((place) => tokens[place]);
    const found = this.exactly(heard) ?? this.nearest(heard);
    const alike = found.map(({ number }) => this.exact.get(this.spelled[number][1].join(" ")).map((each) => this.spelled[each][0]));
    const words = this.beside.choose(alike);
    return found.map(({ first, last }, i) => {
      const among = kept.slice(first, last);
      const own = among.filter((place) => tokens[place] !== boundary);
      return own.length ? { word: words[i], first: own[0], last: own.at(-1) + 1 } : { word: words[i], first: among[0], last: among[0] };
    });
  }

  /** Where every word between boundaries is one of ours: nothing can have fewer edits. Else null. */
  exactly(heard) {
    if (this.boundary === null) return null;
    const found = [];
    let first = 0;
    for (let last = 0; last <= heard.length; last += 1) {
      if (last < heard.length && heard[last] !== this.boundary) continue;
      const numbers = this.exact.get(heard.slice(first, last).join(" "));
      if (!numbers) return null;
      found.push({ number: numbers[0], first, last });
      first = last + 1;
    }
    return found;
  }

  /** The words of the fewest edits; of equally good ones the longer wins. */
  nearest(heard) {
    const closed = this.boundary === null ? heard : [...heard, this.boundary];
    const { parents, depths } = this;
    const best = [{ cost: 0, number: DROPPED, start: 0 }]; // up to each place
    let column = { costs: depths.slice(), starts: new Int32Array(depths.length) }; // of each node, at the place reached
    closed.forEach((token, i) => {
      const edit = this.edit(token);
      column = this.after(column, token, edit);
      const end = this.best(column);
      const dropped = best[i].cost + edit;
      best.push(end.cost < dropped ? end : { cost: dropped, number: DROPPED, start: i });
      column.costs[0] = best[i + 1].cost;
      column.starts[0] = i + 1;
      // The first phones of the next word may be left out.
      for (let node = 1; node < parents.length; node += 1) take(column, node, column.costs[0] + depths[node], i + 1);
    });
    return traced(best);
  }

  /** The scores of all nodes one token later, which may be one put in by an edit; none at the root. */
  after({ costs, starts }, token, edit) {
    const { parents, tokens } = this;
    const column = { costs: costs.map((cost) => cost + edit), starts: starts.slice() };
    for (let node = 1; node < parents.length; node += 1)
      take(column, node, costs[parents[node]] + (tokens[node] === token ? 0 : EDIT), starts[parents[node]]);
    column.costs[0] = Infinity;
    for (let node = 1; node < parents.length; node += 1) // tokens of the word that were not heard
      take(column, node, column.costs[parents[node]] + this.edit(tokens[node]), column.starts[parents[node]]);
    return column;
  }

  best({ costs, starts }) {
    let found = { cost: Infinity, number: DROPPED, start: 0 };
    this.final.forEach((node, number) => {
      const cost = costs[node] + this.spelled[number][2];
      if (cost < found.cost || (cost === found.cost && starts[node] < found.start)) found = { cost, number, start: starts[node] };
    });
    return found;
  }

  edit(token) {
    return token === this.boundary ? BOUNDARY : EDIT;
  }

  /** The trie of the spellings: node 0 is the root; the others come after their parents. */
  grow() {
    const children = new Map();
    const [parents, tokens, depths] = [[0], [0], [0]];
    this.final = this.spelled.map(([, spelling]) => {
      let node = 0;
      for (const token of this.boundary === null ? spelling : [...spelling, this.boundary]) {
        const key = `${node} ${token}`;
        if (!children.has(key)) {
          children.set(key, parents.length);
          parents.push(node);
          tokens.push(token);
          depths.push(depths[node] + this.edit(token)); // of leaving out all up to here
        }
        node = children.get(key);
      }
      return node;
    });
    Object.assign(this, { parents, tokens, depths: Float64Array.from(depths) });
  }
}

/** A better way to a node is kept: cheaper, or as cheap and from further back. */
function take(column, node, cost, start) {
  if (cost > column.costs[node] || (cost === column.costs[node] && start >= column.starts[node])) return;
  column.costs[node] = cost;
  column.starts[node] = start;
}

function traced(best) {
  const found = [];
  for (let place = best.length - 1; place; ) {
    const { number, start } = best[place];
    if (number === DROPPED) place -= 1;
    else {
      found.unshift({ number, first: start, last: place });
      place = start;
    }
  }
  return found;
}

/** Chooses among words that sound the same, by the words beside them. */
class Beside {
  constructor(counts, pairs) {
    this.counts = new Map(Object.entries(counts));
    this.pairs = new Map(Object.entries(pairs).map(([before, after]) => [before, new Map(Object.entries(after))]));
    this.total = [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** One word of each place; equal paths go to the word that is named first. */
  choose(candidates) {
    let costs = new Map([[EDGE, 0]]); // of the best path to each word of the place reached
    const steps = [];
    for (const words of [...candidates, [EDGE]]) {
      const step = new Map();
      const next = new Map();
      for (const word of words) {
        const ways = [...costs].map(([before, cost]) => [before, cost + this.cost(before, word)]);
        const [before, cost] = ways.reduce((best, way) => (way[1] < best[1] ? way : best));
        step.set(word, before);
        next.set(word, cost);
      }
      costs = next;
      steps.push(step);
    }
    const found = [];
    steps.reduceRight((word, step) => {
      found.unshift(step.get(word));
      return step.get(word);
    }, EDGE);
    return found.slice(1); // without the edge before the first
  }

  /** -log P(word | before) in thousandths of a nat. */
  cost(before, word) {
    const there = this.pairs.get(before)?.get(word) ?? 0;
    const prior = (this.counts.get(word) ?? 1) / this.total;
    return Math.round(-1000 * Math.log((there + prior) / ((this.counts.get(before) ?? 1) + 1)));
  }
}
