import { expect } from 'chai';
import { AttsError } from '../../src/errors.js';

/** What a call fails with: an error of ours, in one line. */
export async function failureOf(call: Promise<unknown>): Promise<Pick<AttsError, 'code' | 'message'>> {
  const error = await call.then(
    () => expect.fail('expected an error'),
    (cause: unknown) => cause,
  );
  expect(error).to.be.instanceOf(AttsError);
  const { code, message } = error as AttsError;
  expect(message).not.to.contain('\n');
  return { code, message };
}
