import { AttsError } from '../../errors.js';

/** A page whose content is known, or being written: a node of the tree of all token sequences seen. */
interface Page {
  readonly index: number;
  references: number;
  /** Content identity of the page before it (0 = none): equal identities mean equal tokens from the sequence's start. */
  parent: number;
  /** Content identity of this page once it holds tokens that others may share; 0 = none. */
  content: number;
  tokens: readonly number[];
}

/** What a new sequence can take over: whole pages, then the head of one more page, which must be copied. */
export interface CachedPrefix {
  readonly pages: number[];
  readonly partial: { page: number; tokens: number } | null;
  /** Tokens in `pages` and `partial` together. */
  readonly tokens: number;
}

/**
 * Pages of a KV cache with reference counts and prefix sharing: pages are found by their content (all tokens from the
 * start of the sequence), so the chains of a problem share its question and a score reuses all earlier turns. A page
 * that nobody holds keeps its content until it is the least recently used one and its room is needed.
 */
export class PagePool {
  readonly pageSize: number;
  private readonly all: Page[];
  /** Unheld pages, least recently used first. */
  private readonly free = new Map<number, Page>();
  private readonly children = new Map<number, Set<Page>>();
  private nextContent = 1;

  constructor(pages: number, pageSize: number) {
    this.pageSize = pageSize;
    this.all = Array.from({ length: pages }, (_, index) => ({
      index,
      references: 0,
      parent: 0,
      content: 0,
      tokens: [],
    }));
    for (const page of this.all) this.free.set(page.index, page);
  }

  get numFree(): number {
    return this.free.size;
  }

  get size(): number {
    return this.all.length;
  }

  /** Takes hold of the longest cached prefix of `ids`; the caller releases its pages in the end. */
  take(ids: readonly number[], limit: number): CachedPrefix {
    const pages: number[] = [];
    let parent = 0;
    let position = 0;
    for (;;) {
      let best: Page | null = null;
      let common = 0;
      for (const child of this.children.get(parent) ?? []) {
        const length = commonPrefix(child.tokens, ids, position, limit);
        if (length > common) {
          best = child;
          common = length;
        }
      }
      if (!best) return { pages, partial: null, tokens: position };
      if (common < this.pageSize) {
        return { pages, partial: { page: best.index, tokens: common }, tokens: position + common };
      }
      this.hold(best);
      pages.push(best.index);
      parent = best.content;
      position += common;
    }
  }

  /** A page of its own for the caller, or null when every page is held. `except`: a page that must keep its content. */
  allocate(except = -1): number | null {
    for (const page of this.free.values()) {
      if (page.index === except) continue;
      this.forget(page);
      this.hold(page);
      return page.index;
    }
    return null;
  }

  /**
   * Gives back the pages of a sequence whose first `ids.length` tokens are computed, and remembers what they hold.
   * The last page goes first, so that leaves are forgotten before what they hang on.
   */
  release(pages: readonly number[], ids: readonly number[]): void {
    this.remember(pages, ids);
    for (const index of [...pages].reverse()) {
      const page = this.all[index];
      page.references--;
      if (page.references < 0) throw new AttsError('engine', `KV page ${index} was released twice`);
      if (page.references === 0) this.free.set(index, page);
    }
  }

  /** Makes the computed tokens of a sequence findable by others while it goes on. */
  remember(pages: readonly number[], ids: readonly number[]): void {
    let parent = 0;
    for (let i = 0; i < pages.length && i * this.pageSize < ids.length; i++) {
      const page = this.all[pages[i]];
      const tokens = ids.slice(i * this.pageSize, (i + 1) * this.pageSize);
      if (page.content === 0) {
        // The same content computed twice at the same time: the first stays findable, this copy is only its holder's.
        const twin = [...(this.children.get(parent) ?? [])].find((child) => sameTokens(child.tokens, tokens));
        if (twin) {
          if (tokens.length < this.pageSize) return;
          parent = twin.content;
          continue;
        }
        page.content = this.nextContent++;
        page.parent = parent;
        page.tokens = tokens;
        const siblings = this.children.get(parent) ?? new Set();
        this.children.set(parent, siblings.add(page));
      } else if (tokens.length > page.tokens.length) {
        page.tokens = tokens;
      }
      parent = page.content;
    }
  }

  private hold(page: Page): void {
    page.references++;
    this.free.delete(page.index);
  }

  private forget(page: Page): void {
    if (page.content === 0) return;
    const siblings = this.children.get(page.parent);
    siblings?.delete(page);
    if (siblings?.size === 0) this.children.delete(page.parent);
    page.content = 0;
    page.tokens = [];
  }
}

function commonPrefix(tokens: readonly number[], ids: readonly number[], from: number, limit: number): number {
  const end = Math.min(tokens.length, limit - from, ids.length - from);
  let n = 0;
  while (n < end && tokens[n] === ids[from + n]) n++;
  return Math.max(n, 0);
}

function sameTokens(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
