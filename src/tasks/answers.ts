interface Box {
  /** Where the command begins. */
  readonly at: number;
  readonly content: string;
  /** The text goes on after an answer without braces, so that no more digits can follow. */
  readonly closed: boolean;
}

/**
 * The final answer of a text: what its last complete box holds; where it has none, what its last `#### …` or `The answer
 * is …` says; trimmed, null where there is neither. Braces nest, escaped ones (\{ \}) do not count, a box inside a box is
 * the later one, and an empty box (as in the prompt's own instruction) is no answer. One pass over the text.
 */
export function extractAnswer(text: string): string | null {
  return lastBox(text)?.content ?? statedAnswer(text);
}

/** A statement goes to the end of its sentence or line, and is none where a box that was never closed follows it. */
function statedAnswer(text: string): string | null {
  let from = -1;
  for (const found of text.matchAll(/\banswer(?: is|:|\*\*:)|^####/gim)) from = found.index + found[0].length;
  if (from < 0 || /\\(boxed|fbox)/.test(text.slice(from))) return null;
  const rest = text.slice(from, from + longestStatement).replace(/^[:*\s]+/, '');
  const statement = /^(.*?)(?:[.!?](?=\s|\*|$)|\n|$)/.exec(rest)?.[1].replace(/\*+$/, '').trim();
  // Delimiters of mathematics around all of it.
  const bare = statement?.replace(/^\$+([^$]+)\$+$/, '$1').trim();
  return bare ? bare : null;
}

const longestStatement = 400;

/** True once a text of a chain under way holds an answer that further tokens cannot lengthen. */
export function holdsAnswer(text: string): boolean {
  return lastBox(text, (box) => box.closed) !== null;
}

function lastBox(text: string, accept: (box: Box) => boolean = () => true): Box | null {
  let last: Box | null = null;
  const offer = (box: Box) => {
    if (box.content !== '' && box.at > (last?.at ?? -1) && accept(box)) last = box;
  };
  // The open braces; a box's brace knows where its command began, any other has -1.
  const open: { at: number; content: number }[] = [];
  const command = /\\(?:(boxed|fbox)(?![A-Za-z])(\s*)|[A-Za-z]+|[\s\S])|[{}]/g;
  for (let found = command.exec(text); found !== null; found = command.exec(text)) {
    const next = command.lastIndex;
    if (found[0] === '{') open.push({ at: -1, content: next });
    else if (found[0] === '}') {
      const brace = open.pop();
      if (brace !== undefined && brace.at >= 0) {
        offer({ at: brace.at, content: text.slice(brace.content, found.index).trim(), closed: true });
      }
    } else if (found[1] !== undefined) {
      if (text[next] === '{') {
        open.push({ at: found.index, content: next + 1 });
        command.lastIndex = next + 1;
      } else if (found[2] !== '') offer(unbraced(text, found.index, next));
    }
  }
  return last;
}

/** `\boxed 5`: the answer is the word that follows, without the sentence's punctuation. */
function unbraced(text: string, at: number, from: number): Box {
  const word = /[^\s$]*/y;
  word.lastIndex = from;
  const found = word.exec(text)?.[0] ?? '';
  const content =
    /^[\w+\-.,/^()\\{}]+$/.test(found) && !/\\(boxed|fbox)/.test(found) ? found.replace(/[.,]+$/, '') : '';
  return { at, content, closed: from + found.length < text.length };
}
