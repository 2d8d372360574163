// A transcript as it is edited: pure functions from one document to the next, so that undoing is keeping the last one.
//
// A document is { duration, segments: [{ words: [{ word, start, end, confidence }] }] }, seconds of the file; confidence is 0 to 1,
// or null where nothing estimates it or the word was changed by hand (then `edited` is true).

const SHORTEST = 0.12; // seconds, of an inserted word where there is no gap for it

/** The document of an answer of the server (verbose_json). Words go to segments in order. */
export function documentOf(answer) {
  const words = (answer.words ?? []).map((word) => ({
    word: String(word.word).trim(),
    start: word.start,
    end: word.end,
    confidence: word.confidence ?? null,
  }));
  const duration = answer.duration ?? Infinity;
  const heard = answer.segments?.length ? answer.segments : [{ text: answer.text ?? "", start: 0, end: answer.duration ?? 0 }];
  if (!words.length) {
    const segments = heard.map((segment) => ({
      words: share(tokens(segment.text), segment.start, segment.end, { edited: false }),
    }));
    return { duration, segments: segments.filter((segment) => segment.words.length) };
  }
  const counts = heard.map((segment) => tokens(segment.text).length);
  const counted = counts.reduce((sum, count) => sum + count, 0) === words.length;
  const segments = [];
  let next = 0;
  heard.forEach((segment, number) => {
    let stop = next;
    if (number === heard.length - 1) stop = words.length;
    else if (counted) stop = next + counts[number];
    else while (stop < words.length && words[stop].start < segment.end) stop += 1;
    if (stop > next) segments.push({ words: words.slice(next, stop) });
    next = stop;
  });
  return { duration, segments };
}

export function tokens(text) {
  return text.split(/\s+/).filter(Boolean);
}

export function textOf(segment) {
  return segment.words.map((word) => word.word).join(" ");
}

/** Words of one stretch of time, each a part as long as its letters are many. */
function share(names, start, end, { edited = true } = {}) {
  const total = names.reduce((sum, name) => sum + name.length + 1, 0);
  let letters = 0;
  let from = start;
  return names.map((name) => {
    letters += name.length + 1;
    const to = letters === total ? end : start + ((end - start) * letters) / total; // the last ends exactly there
    const word = { word: name, start: from, end: to, confidence: null, ...(edited && { edited }) };
    from = to;
    return word;
  });
}

/** Pairs [old, new] of equal words in order, as many as there can be (longest common subsequence). */
function matched(old, names) {
  let first = 0;
  while (first < old.length && first < names.length && old[first] === names[first]) first += 1;
  let last = 0;
  while (last < old.length - first && last < names.length - first && old.at(-1 - last) === names.at(-1 - last)) last += 1;
  const rows = old.length - first - last;
  const columns = names.length - first - last;
  const best = Array.from({ length: rows + 1 }, () => new Uint16Array(columns + 1));
  for (let i = rows - 1; i >= 0; i -= 1)
    for (let j = columns - 1; j >= 0; j -= 1)
      best[i][j] =
        old[first + i] === names[first + j] ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1]);
  const pairs = Array.from({ length: first }, (_, i) => [i, i]);
  for (let i = 0, j = 0; i < rows && j < columns; ) {
    if (old[first + i] === names[first + j]) {
      pairs.push([first + i, first + j]);
      i += 1;
      j += 1;
    } else if (best[i + 1][j] >= best[i][j + 1]) i += 1;
    else j += 1;
  }
  for (let k = last; k > 0; k -= 1) pairs.push([old.length - k, names.length - k]);
  return pairs;
}

/** The words of a segment after its text was changed. What is still there keeps its time and confidence; as many words in the
 *  place of others take their times; more or fewer share the stretch; what was put in between fills the gap between its
 *  neighbours. `before` and `after` are where the words around the segment end and begin. */
export function retext(words, text, before = 0, after = Infinity) {
  const names = tokens(text);
  const pairs = matched(words.map((word) => word.word), names);
  pairs.push([words.length, names.length]);
  const found = [];
  let i = 0;
  let j = 0;
  for (const [oldEnd, newEnd] of pairs) {
    const replaced = words.slice(i, oldEnd);
    const put = names.slice(j, newEnd);
    if (replaced.length === put.length)
      put.forEach((word, k) => found.push({ word, start: replaced[k].start, end: replaced[k].end, confidence: null, edited: true }));
    else if (put.length && replaced.length) found.push(...share(put, replaced[0].start, replaced.at(-1).end));
    else if (put.length) found.push(...share(put, ...gap(words, i, put.length, before, after)));
    if (oldEnd < words.length) found.push(words[oldEnd]);
    i = oldEnd + 1;
    j = newEnd + 1;
  }
  return found;
}

/** Where words are put before the one with this index: in the gap there; where there is none, at its place. */
function gap(words, index, count, before, after) {
  const start = index > 0 ? words[index - 1].end : before;
  const next = index < words.length ? words[index].start : after;
  const wanted = count * 0.4;
  if (index === 0 && next - start > wanted) return [next - wanted, next];
  if (next - start >= SHORTEST) return [start, Math.min(next, start + wanted)];
  return [start, Math.max(next, start)];
}

function around(document, index) {
  const before = document.segments.slice(0, index).findLast((segment) => segment.words.length);
  const after = document.segments[index + 1];
  return [before ? before.words.at(-1).end : 0, after ? after.words[0].start : document.duration];
}

function put(document, index, count, ...segments) {
  return { ...document, segments: document.segments.toSpliced(index, count, ...segments.filter((s) => s.words.length)) };
}

/** The text of a segment replaced; one without words is gone. The same document where nothing changed. */
export function setText(document, index, text) {
  const segment = document.segments[index];
  if (textOf(segment) === tokens(text).join(" ")) return document;
  return put(document, index, 1, { words: retext(segment.words, text, ...around(document, index)) });
}

/** A segment parted in two: texts before and after the place. */
export function split(document, index, head, tail) {
  const edited = setText(document, index, `${head} ${tail}`);
  const words = edited.segments[index]?.words ?? [];
  const count = tokens(head).length;
  if (!count || count >= words.length) return edited;
  return put(edited, index, 1, { words: words.slice(0, count) }, { words: words.slice(count) });
}

/** A segment joined to the one before it. */
export function join(document, index) {
  const [first, second] = document.segments.slice(index - 1, index + 1);
  return put(document, index - 1, 2, { words: [...first.words, ...second.words] });
}

export function removeWord(document, index, word) {
  const words = document.segments[index].words.toSpliced(word, 1);
  return put(document, index, 1, { words });
}

/** A word and the next one of its segment made one. */
export function joinWords(document, index, word) {
  const { words } = document.segments[index];
  const [first, second] = words.slice(word, word + 2);
  if (!second) return document;
  const one = { word: first.word + second.word, start: first.start, end: second.end, confidence: null, edited: true };
  return put(document, index, 1, { words: words.toSpliced(word, 2, one) });
}

/** All words in order, each with its segment and its place there: [{ word, segment, index }]. */
export function placed(document) {
  return document.segments.flatMap(({ words }, segment) => words.map((word, index) => ({ word, segment, index })));
}

/** The index of the last of these that begins at or before the time; -1 where none does. */
export function lastBefore(items, time, startOf = (item) => item.start) {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (startOf(items[middle]) <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
