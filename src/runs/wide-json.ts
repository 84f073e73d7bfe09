/** JSON that a person can read: whatever fits on a line of `width` stands on one, and so each record of a table. */
export function wideJson(value: unknown, width = 600, indent = ''): string {
  const line = JSON.stringify(value);
  if (typeof value !== 'object' || value === null || line.length <= width) return line;
  const deeper = `${indent}  `;
  if (Array.isArray(value)) {
    return `[\n${value.map((item) => `${deeper}${wideJson(item, width, deeper)}`).join(',\n')}\n${indent}]`;
  }
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  const lines = members.map(([key, member]) => `${deeper}${JSON.stringify(key)}: ${wideJson(member, width, deeper)}`);
  return `{\n${lines.join(',\n')}\n${indent}}`;
}
