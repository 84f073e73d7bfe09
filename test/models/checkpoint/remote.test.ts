import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { chooseBackend } from '../../../kernels/backends/choose.js';
import { openCheckpoint, resolveModel } from '../../../models/checkpoint/open.js';
import { openRemoteFile } from '../../../models/checkpoint/remote/file.js';
import { AttsError } from '../../../src/errors.js';
import type { ModelReport } from '../../../src/index.js';
import { atts } from '../../cli/atts.js';
import { ggufBytes } from './gguf-bytes.js';
import { ggufModel } from './gguf-model.js';
import { type Fault, type RangeServer, rangeServer } from './range-server.js';
import { logitsOf, smallCheckpoint, smallConfigs } from './small-model.js';

const small = smallCheckpoint({ ...smallConfigs.llama, vocab_size: 10_000 });
const { metadata, tensors } = ggufModel(small);
const bytes = ggufBytes([...metadata, ['tokenizer.ggml.tokens', 'strings', ['a', 'b', 'c']]], tensors);

describe('a .gguf file at a URL', () => {
  let server: RangeServer;
  const serve = async (faults: (Fault | null)[] = [], more: { isLasting?: boolean; etag?: string | null } = {}) => {
    server = await rangeServer({ bytes, faults, ...more });
    return server.url;
  };
  afterEach(() => server.stop());

  it('gives the logits of the file, over connections that break and a server that is busy', async () => {
    await chooseBackend('simd');
    const cut = (after: number): Fault => ({ kind: 'cut', after });
    const busy: Fault = { kind: 'status', status: 503 };
    const url = await serve([busy, null, cut(100_000)]);
    const checkpoint = openCheckpoint(resolveModel(url));
    expect(checkpoint.id).to.equal('small');
    expect([...logitsOf(checkpoint)]).to.deep.equal([...logitsOf(small)]);
    checkpoint.close();
  });

  it('is read once, by ranges that grow, and goes on from where a connection broke', async () => {
    const url = await serve([{ kind: 'cut', after: 1000 }]);
    const file = openRemoteFile(url, { retryDelay: 1 });
    expect(Buffer.compare(file.read(0, bytes.length), Buffer.from(bytes))).to.equal(0);
    expect([...file.read(bytes.length - 10, 10)]).to.deep.equal([...bytes.subarray(bytes.length - 10)]);
    file.close();
    const [first, second, third] = await server.asked();
    expect([first, second, third]).to.deep.equal([2 ** 18, 2 ** 18 - 1000, 2 ** 19]);
    expect((await server.asked()).reduce((a, b) => a + b)).to.equal(bytes.length + first - 1000);
  });

  it('is inspected by its header', async () => {
    const url = await serve();
    const { stdout, code } = await atts(['models', 'inspect', url, '--json']);
    expect(code).to.equal(0);
    const report = JSON.parse(stdout) as ModelReport;
    expect(report).to.include({ id: 'small', path: url, format: 'gguf', family: 'llama' });
    // Once for the model and once for its tokenizer, of a file of more than 5 MB.
    expect((await server.asked()).reduce((a, b) => a + b)).to.be.at.most(2 * 2 ** 21);
    expect(bytes.length).to.be.above(5e6);
  });

  it('has the hash that its server tells, or that of its bytes', async () => {
    const marked = openCheckpoint(await serve());
    expect(marked.hash).to.equal(`${bytes.length} bytes, "v1"`);
    marked.close();
    await server.stop();
    const unmarked = openCheckpoint(await serve([], { etag: null }));
    expect(unmarked.hash).to.equal(createHash('sha256').update(bytes).digest('hex'));
    unmarked.close();
  });

  const failures: [what: string, faults: Fault[], line: RegExp][] = [
    ['a server without ranges', [{ kind: 'whole' }], /sends whole files only, .* download the file and give its path$/],
    ['a file that is not there', [{ kind: 'status', status: 404 }], /small\.gguf: the server answers 404$/],
    ['a server that stays busy', [{ kind: 'status', status: 500 }], /answers 500, 6 times in a row; try again later/],
    ['a server that stays silent', [{ kind: 'stall', after: 0 }], /nothing came for 0.05 s\), 6 times in a row/],
  ];
  for (const [what, faults, line] of failures) {
    it(`${what} is one line`, async () => {
      const url = await serve(faults, { isLasting: true });
      const open = () => openRemoteFile(url, { retryDelay: 1, stallTimeout: 50 });
      expect(open).to.throw(AttsError, line);
    });
  }

  it('a file that changes while it is read is one line', async () => {
    const file = openRemoteFile(await serve([null, { kind: 'changed' }]));
    expect(() => file.read(0, bytes.length)).to.throw('the file changed while it was read; start again');
  });

  it('a URL of anything else is told', async () => {
    const url = (await serve()).replace('small.gguf', 'model.safetensors');
    expect(() => resolveModel(url)).to.throw('of models at a URL only .gguf files are read');
  });
});
