import type { ChatMessage, Prefix, Tokenizer } from '../engine.js';
import type { ChatPrefix } from './protocol.js';

/** For servers that are only asked by messages: remembers of which messages the tokenizer made each prompt. */
export class ChatMemory {
  /** The tokenizer that is listened to. */
  readonly tokenizer: Tokenizer;
  /** By the prompt's text. */
  private readonly prompts = new Map<string, readonly ChatMessage[]>();

  constructor(tokenizer: Tokenizer) {
    this.tokenizer = {
      ...tokenizer,
      chat: (messages) => {
        const prompt = tokenizer.chat(messages);
        this.prompts.set(prompt.text, messages);
        return prompt;
      },
    };
  }

  /** The messages of a prefix, and what was written since; null where it began otherwise. */
  prefixOf({ text }: Prefix): ChatPrefix | null {
    let longest: string | null = null;
    for (const prompt of this.prompts.keys()) {
      if (text.startsWith(prompt) && prompt.length > (longest?.length ?? -1)) longest = prompt;
    }
    if (longest === null) return null;
    return { messages: this.prompts.get(longest) as readonly ChatMessage[], begun: text.slice(longest.length) };
  }
}
