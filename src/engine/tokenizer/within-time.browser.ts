/** In a browser nothing breaks off a match: who brings a strange checkpoint there stops their own page. */
import type * as node from './within-time.js';

export const withinTime: typeof node.withinTime = (_milliseconds, _what, work) => work();
