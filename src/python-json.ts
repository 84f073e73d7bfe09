/** A number that Python writes into JSON and JSON lacks. */
export type PythonNumber = 'Infinity' | '-Infinity' | 'NaN';

/** A string as a whole, so that a name within it is left alone; one way to match it, so that a torn one costs no time. */
const stringOrPythonNumber = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\bInfinity\b|\bNaN\b/g;

/**
 * JSON as Python writes it.
 * @param spell what stands for a bare `Infinity`, `-Infinity` or `NaN`, in JSON
 * @throws SyntaxError
 */
export function parsePythonJson(text: string, spell: (number: PythonNumber) => string): unknown {
  return JSON.parse(
    text.replace(stringOrPythonNumber, (token) => (token.startsWith('"') ? token : spell(token as PythonNumber))),
  );
}
