// Words to lines: parted at pauses, and then at the largest gap until each fits, as asr/transcribe/segments.py does it.

const PAUSE = 1; // seconds between two words that begin a new line
const CHARACTERS = 84; // in a line
const SECONDS = 7; // of a line
const LEAST = 0.25; // of the words on either side of a gap

const textOf = (words) => words.map(({ word }) => word).join(" ");

/** Of [{ word, start, end }] lists of them, each one line. */
export function linesOf(words) {
  const spoken = [];
  words.forEach((word, i) => {
    if (!i || word.start - words[i - 1].end >= PAUSE) spoken.push([]);
    spoken.at(-1).push(word);
  });
  return spoken.flatMap(short).map((line) => ({
    start: line[0].start,
    end: Math.max(...line.map(({ end }) => end)),
    text: textOf(line),
  }));
}

function short(words) {
  const seconds = words.at(-1).end - words[0].start;
  if (words.length === 1 || (seconds <= SECONDS && textOf(words).length <= CHARACTERS)) return [words];
  const place = largestGap(words);
  return [...short(words.slice(0, place)), ...short(words.slice(place))];
}

/** The word after it; of equal gaps the one nearest to the middle. */
function largestGap(words) {
  const least = Math.max(1, Math.floor(LEAST * words.length));
  const gap = (place) => Math.round((words[place].start - words[place - 1].end) * 1000); // finer than times are right
  const away = (place) => Math.abs(place - words.length / 2);
  let best = least;
  for (let place = least; place <= words.length - least; place += 1)
    if (gap(place) > gap(best) || (gap(place) === gap(best) && away(place) < away(best))) best = place;
  return best;
}
