import type { Policy } from '../../runs/records.js';

/** What becomes of a rejected draft chunk, and of the last one. */
export interface PolicyRules {
  /** `continue` keeps a rejected chunk and the target goes on after it; `replace` drops it and the target writes it. */
  readonly keepsRejected: boolean;
  /** Whether a draft chunk that already holds an answer is scored like any other. */
  readonly verifiesAnswers: boolean;
}

const policies: Readonly<Record<Policy, PolicyRules>> = {
  // An answer under `continue` would stand whatever the target thinks of it, so it is not scored.
  continue: { keepsRejected: true, verifiesAnswers: false },
  replace: { keepsRejected: false, verifiesAnswers: true },
};

export function policyRules(policy: Policy, verifyAnswers: boolean | null): PolicyRules {
  const rules = policies[policy];
  return verifyAnswers === null ? rules : { ...rules, verifiesAnswers: verifyAnswers };
}
