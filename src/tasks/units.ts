/** Words that mean one unit, the first being its name here. Singular: a plural's s or es is dropped before the look-up. */
const unitWords: readonly (readonly string[])[] = [
  ['degree', 'deg', '°'],
  ['percent', 'percentage point', '%'],
  ['dollar', '¤', 'usd'],
  ['cent'],
  ['unit'],
  ['millimeter', 'millimetre', 'mm'],
  ['centimeter', 'centimetre', 'cm'],
  ['meter', 'metre', 'm'],
  ['kilometer', 'kilometre', 'km'],
  ['inch', 'in'],
  ['foot', 'feet', 'ft'],
  ['yard', 'yd'],
  ['mile', 'mi'],
  ['gram'],
  ['kilogram', 'kg'],
  ['pound', 'lb'],
  ['ounce', 'oz'],
  ['ton'],
  ['liter', 'litre'],
  ['milliliter', 'millilitre', 'ml'],
  ['gallon'],
  ['second', 'sec', 's'],
  ['minute', 'min'],
  ['hour', 'hr', 'h'],
  ['day'],
  ['week'],
  ['month'],
  ['year'],
  ['radian', 'rad'],
  ['ordinal', 'st', 'nd', 'rd', 'th', 'th grade', 'grade'],
  ['mile/hour', 'mph'],
  ['kilometer/hour', 'kph'],
  ['a.m.', 'a.m', 'am'],
  ['p.m.', 'p.m', 'pm'],
  ...['apple', 'ball', 'book', 'box', 'boy', 'car', 'child', 'children', 'coin', 'egg', 'girl', 'marble'].map(of),
  ...['men', 'page', 'people', 'person', 'player', 'point', 'square', 'student', 'team', 'ticket', 'way'].map(of),
  ...['women', 'word', 'integer', 'solution', 'root', 'side', 'edge'].map(of),
];

function of(word: string): string[] {
  return [word];
}

const names = new Map(unitWords.flatMap(([name, ...others]) => [name, ...others].map((word) => [word, name])));

const escaped = (word: string) => word.replace(/[.]/g, '\\.');
/** A letter alone is a unit only in a quotient of units (m/s): 5s may be five times s. */
const word = `(?:${[...names.keys()]
  .filter((name) => !/^[a-z]$/.test(name))
  .sort((a, b) => b.length - a.length)
  .map(escaped)
  .join('|')}|m(?= *\\/))(?:e?s(?![a-z]))?`;
const powered = `(?:(?:square|cubic|sq\\.?|cu\\.?) +)?${word}\\.?(?: *\\^ *\\(?[23]\\)?| +squared| +cubed)?`;
/** Behind a value: a unit, or one per another. */
const trailing = new RegExp(`(?<=[\\d)°%]|pi)( *)(${powered}(?: *(?:/| per ) *(?:${powered}|[hs]))?)\\.?$`, 'i');

export interface Measure {
  readonly value: string;
  /** The unit's name; empty where there is none. */
  readonly unit: string;
}

/**
 * The unit of a plain text, `5 cm` or `¤18.90` (a dollar sign), apart from its value. Only words known as units count:
 * in `5 million` or `5 or more` the word is part of the value.
 */
export function splitUnit(text: string): Measure {
  const dollars = /^([-+]?) *¤ *(.*)$/.exec(text);
  if (dollars !== null) {
    const rest = splitUnit(dollars[2]);
    return { value: dollars[1] + rest.value, unit: rest.unit === '' ? 'dollar' : `dollar ${rest.unit}` };
  }
  const found = trailing.exec(text);
  if (found === null) return { value: text, unit: '' };
  return { value: text.slice(0, found.index), unit: nameOf(found[2]) };
}

function nameOf(unit: string): string {
  return unit
    .toLowerCase()
    .split(/ *(?:\/| per ) */)
    .map((part) => {
      const power = /^(?:square|sq)\b|\^ *\(?2|squared$/.test(part)
        ? '^2'
        : /^cu|\^ *\(?3|cubed$/.test(part)
          ? '^3'
          : '';
      const base = part.replace(/^(square|cubic|sq\.?|cu\.?) +|\.?( *\^.*| +squared| +cubed)$/g, '').replace(/\.$/, '');
      return singular(base) + power;
    })
    .join('/');
}

function singular(word: string): string {
  return names.get(word) ?? names.get(word.replace(/s$/, '')) ?? names.get(word.replace(/es$/, '')) ?? word;
}
