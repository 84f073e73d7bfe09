/**
 * Colours by what they stand for: on white and on dark paper. The light ones are all different, because figures are
 * drawn in them and the page exchanges each for its CSS variable.
 */
export const palette = {
  paper: { light: '#ffffff', dark: '#16181b' },
  ink: { light: '#1d2126', dark: '#e6e8ea' },
  quiet: { light: '#5d6670', dark: '#a2abb4' },
  line: { light: '#d5dade', dark: '#3a4047' },
  grid: { light: '#e9ecee', dark: '#262b30' },
  draft: { light: '#2f72b3', dark: '#5aa0e0' },
  draftRejected: { light: '#a9cdea', dark: '#2c567d' },
  score: { light: '#d9a520', dark: '#e0b440' },
  target: { light: '#b8452c', dark: '#e0745a' },
  cue: { light: '#7b62a3', dark: '#a68fd0' },
  barrier: { light: '#666e78', dark: '#959da7' },
  queue: { light: '#cfd4d8', dark: '#444b53' },
  sync: { light: '#8d6a3f', dark: '#c9a06c' },
  async: { light: '#12776b', dark: '#45b8a8' },
} as const;

export type ColourName = keyof typeof palette;

export const colour = (name: ColourName): string => palette[name].light;

/** CSS declarations of every colour, in one of the two schemes. */
export function colourVariables(scheme: 'light' | 'dark'): string {
  return Object.entries(palette)
    .map(([name, colours]) => `--${name}: ${colours[scheme]};`)
    .join(' ');
}

/** The same SVG with its colours following the page's scheme. */
export function withSchemeColours(svg: string): string {
  const names = new Map<string, string>(Object.entries(palette).map(([name, { light }]) => [light, name]));
  return svg.replace(/"(#[0-9a-f]{6})"/g, (whole, light: string) =>
    names.has(light) ? `"var(--${names.get(light)})"` : whole,
  );
}
