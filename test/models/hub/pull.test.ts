import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { cachedModels, hubIdOf, snapshotOf } from '../../../models/hub/cache.js';
import { modelFiles } from '../../../models/hub/model-files.js';
import { type PullOptions, pull } from '../../../models/hub/pull.js';
import { parseHubSpec } from '../../../models/hub/spec.js';
import { AttsError } from '../../../src/errors.js';
import { type Fault, gitSha1, HubServer, sha256, token } from './server.js';

const commit = '0123456789abcdef0123456789abcdef01234567';
const weights = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 251));
const tiny = {
  'config.json': Buffer.from('{"a":1}'),
  'model.safetensors': weights,
  'tokenizer.json': Buffer.from('{}'),
  'original/consolidated.00.pth': Buffer.alloc(2000),
  'README.md': Buffer.from('#'),
};
const repository = { kind: 'model' as const, name: 'org/tiny' };

describe('a pull from a hub', () => {
  let server: HubServer;
  let cache: string;
  let home: string;

  beforeEach(async () => {
    server = await new HubServer().start();
    server.repositories['org/tiny'] = { commit, files: tiny, refs: ['v1', 'pr/1'] };
    cache = mkdtempSync(join(tmpdir(), 'atts-hub-'));
    home = join(cache, 'models--org--tiny');
  });
  afterEach(() => {
    server.stop();
    rmSync(cache, { recursive: true, force: true });
  });

  const pullTiny = (options: Partial<PullOptions> = {}, name = 'org/tiny') =>
    pull(
      { kind: 'model', name },
      { endpoint: server.url, cache, token: null, retryDelay: 2, select: modelFiles(name, {}), ...options },
    );

  async function refusal(options: Partial<PullOptions> = {}, name?: string): Promise<string> {
    try {
      await pullTiny(options, name);
    } catch (error) {
      expect(error).to.be.instanceOf(AttsError);
      expect((error as AttsError).message).to.not.include('\n');
      return (error as AttsError).message;
    }
    throw new Error('the pull succeeded');
  }

  const blobs = () => readdirSync(join(home, 'blobs')).sort();
  const fails = (...faults: Fault[]) => {
    server.faults['model.safetensors'] = faults;
  };

  it('leaves what a model needs in the layout that all tools of the hub share', async () => {
    const { folder, files } = await pullTiny();
    expect(files).to.have.members(['config.json', 'model.safetensors', 'tokenizer.json']);
    expect(folder).to.equal(join(home, 'snapshots', commit));
    expect(readFileSync(join(home, 'refs', 'main'), 'utf8')).to.equal(commit);
    expect(blobs()).to.have.members([sha256(weights), gitSha1(tiny['config.json']), gitSha1(tiny['tokenizer.json'])]);
    expect(readlinkSync(join(folder, 'model.safetensors'))).to.equal(`../../blobs/${sha256(weights)}`);
    expect(readFileSync(join(folder, 'model.safetensors')).equals(weights)).to.equal(true);
  });

  it('asks for no file twice', async () => {
    await pullTiny();
    await pullTiny();
    expect(server.loads('model.safetensors').length).to.equal(1);
  });

  it('finds a branch, a tag or a commit, and knows each again without the hub', async () => {
    for (const revision of ['v1', 'pr/1', commit]) {
      await pullTiny({ revision });
      expect(snapshotOf(repository, revision, cache)).to.equal(join(home, 'snapshots', commit));
      expect((await pullTiny({ revision, offline: true, endpoint: 'http://127.0.0.1:9' })).commit).to.equal(commit);
    }
    expect(snapshotOf(repository, 'main', cache)).to.equal(null);
  });

  it('lists what is there, by commit, with its branches, files and bytes', async () => {
    expect(cachedModels(cache)).to.deep.equal([]);
    await pullTiny({ revision: 'v1', select: (files) => files });
    const [model] = cachedModels(cache);
    expect(model).to.include({ name: 'org/tiny', revision: commit });
    expect(model.refs).to.deep.equal(['v1']);
    expect(model.files).to.have.members(Object.keys(tiny));
    expect(model.bytes).to.equal(Object.values(tiny).reduce((sum, { length }) => sum + length, 0));
    expect(hubIdOf(model.folder)).to.equal('org/tiny@01234567');
    expect(hubIdOf(join(model.folder, 'x.gguf'))).to.equal('org/tiny@01234567:x.gguf');
    expect(hubIdOf('/somewhere/else')).to.equal(null);
  });

  it('tells how far it is, in bytes of all files', async () => {
    const seen: number[] = [];
    await pullTiny({ onProgress: ({ done, total }) => seen.push(done / total) });
    expect(seen.at(-1)).to.equal(1);
    expect(seen).to.deep.equal([...seen].sort((a, b) => a - b));
  });

  describe('over a bad line', () => {
    const whole = async () => {
      const { folder } = await pullTiny();
      expect(readFileSync(join(folder, 'model.safetensors')).equals(weights)).to.equal(true);
      expect(blobs().filter((name) => name.endsWith('.partial'))).to.deep.equal([]);
    };

    it('goes on with a range where a connection was cut, more often than it would try in vain', async () => {
      fails(...Array.from({ length: 9 }, () => ({ kind: 'cut' as const, after: 20_000 })));
      await whole();
      const ranges = server.loads('model.safetensors').map(({ range }) => range);
      expect(ranges[0]).to.equal(null);
      expect(ranges.length).to.equal(10);
      expect(ranges.slice(1).every((range) => /^bytes=[1-9]\d*-$/.test(range ?? ''))).to.equal(true);
    });

    it('goes on where a connection fell silent', async () => {
      fails({ kind: 'stall', after: 50_000 });
      const { folder } = await pullTiny({ stallTimeout: 100 });
      expect(readFileSync(join(folder, 'model.safetensors')).equals(weights)).to.equal(true);
      expect(server.loads('model.safetensors')[1].range).to.equal('bytes=50000-');
    });

    it('begins anew where the server knows no ranges', async () => {
      fails({ kind: 'cut', after: 50_000 }, { kind: 'no-range' });
      await whole();
    });

    it('begins anew where the server refuses the range', async () => {
      fails({ kind: 'cut', after: 50_000 }, { kind: 'status', status: 416 });
      await whole();
      expect(server.loads('model.safetensors')[2].range).to.equal(null);
    });

    it('waits as a busy server asks, and repeats what a broken one answers', async () => {
      fails({ kind: 'status', status: 429, headers: { 'retry-after': '0.2' } }, { kind: 'status', status: 503 });
      server.faults.api = [
        { kind: 'status', status: 500 },
        { kind: 'cut', after: 0 },
      ];
      const start = performance.now();
      await whole();
      expect(performance.now() - start).to.be.greaterThan(200);
    });

    it('gives up in one line after some attempts that bring nothing, and keeps what it has', async () => {
      fails(
        { kind: 'cut', after: 50_000 },
        ...Array.from({ length: 9 }, () => ({ kind: 'status' as const, status: 503 })),
      );
      expect(await refusal()).to.match(
        /^org\/tiny: model\.safetensors: .* answers 503, 6 times in a row; the same command/,
      );
      expect(blobs()).to.include(`${sha256(weights)}.partial`);
      expect(existsSync(join(home, 'refs', 'main'))).to.equal(false);
      fails();
      await whole();
      expect(server.loads('model.safetensors').at(-1)?.range).to.match(/^bytes=[1-9]/);
    });

    it('throws away what has the wrong checksum, and does not come by its name', async () => {
      fails({ kind: 'wrong' });
      expect(await refusal()).to.match(/model\.safetensors arrived damaged: its sha256 is .* thrown away/);
      expect(blobs().some((name) => name.startsWith(sha256(weights)))).to.equal(false);
      server.faults['config.json'] = [{ kind: 'wrong' }];
      rmSync(home, { recursive: true });
      expect(await refusal()).to.match(/config\.json arrived damaged: its git-sha1 is /);
      await whole();
    });

    it('does not build on a partial file that holds other bytes', async () => {
      mkdirSync(join(home, 'blobs'), { recursive: true });
      writeFileSync(join(home, 'blobs', `${sha256(weights)}.partial`), Buffer.alloc(5000, 3));
      expect(await refusal()).to.include('arrived damaged');
      writeFileSync(join(home, 'blobs', `${sha256(weights)}.partial`), Buffer.alloc(400_000));
      await whole();
    });

    it('ends at once when it is told to, and leaves what it has', async () => {
      fails({ kind: 'stall', after: 50_000 });
      const controller = new AbortController();
      const onProgress = ({ done }: { done: number }) => done > 50_000 && controller.abort();
      expect(await refusal({ signal: controller.signal, onProgress })).to.equal('interrupted');
      expect(blobs()).to.include(`${sha256(weights)}.partial`);
    });

    it('says in one line that the hub is not there', async () => {
      expect(await refusal({ endpoint: 'http://127.0.0.1:9' })).to.match(
        /127\.0\.0\.1:9 cannot be reached \(.+\), 6 times/,
      );
    });
  });

  it('goes on where a killed process ended', async () => {
    fails({ kind: 'stall', after: 100_000 });
    const child = spawn(process.execPath, [puller, server.url, cache], { stdio: 'ignore' });
    const partial = () =>
      existsSync(join(home, 'blobs')) && blobs().some((name) => /\.\w+-\d+-\d+\.partial$/.test(name));
    while (server.loads('model.safetensors').length === 0 || !partial())
      await new Promise((done) => setTimeout(done, 10));
    await new Promise((done) => setTimeout(done, 100));
    child.kill('SIGKILL');
    await new Promise((done) => child.on('exit', done));
    await pullTiny();
    expect(server.loads('model.safetensors')[1].range).to.equal('bytes=100000-');
    expect(readFileSync(join(home, 'snapshots', commit, 'model.safetensors')).equals(weights)).to.equal(true);
  });

  it('may run many times at once, in one process and in several', async () => {
    fails({ kind: 'cut', after: 50_000 }, { kind: 'cut', after: 10_000 }, { kind: 'cut', after: 90_000 });
    const processes = [1, 2, 3].map(() => spawn(process.execPath, [puller, server.url, cache], { stdio: 'ignore' }));
    const codes = processes.map((child) => new Promise((done) => child.on('exit', done)));
    await Promise.all([...[1, 2, 3].map(() => pullTiny()), ...codes]);
    expect(await Promise.all(codes)).to.deep.equal([0, 0, 0]);
    expect(readFileSync(join(home, 'snapshots', commit, 'model.safetensors')).equals(weights)).to.equal(true);
    expect(blobs().filter((name) => name.endsWith('.partial'))).to.deep.equal([]);
  });

  describe('says in one line', () => {
    it('that a repository or a revision does not exist', async () => {
      expect(await refusal({}, 'org/none')).to.match(/^org\/none: no such model repository at .*HF_TOKEN/);
      expect(await refusal({ revision: 'v9' })).to.match(/^org\/tiny has no such revision/);
      expect(await refusal({ revision: '../../up' })).to.include('not a branch');
    });

    it('that a repository wants a token, or another one; and takes the right one', async () => {
      server.repositories['org/tiny'] = { commit, files: tiny, gated: true };
      expect(await refusal()).to.match(/gated: accept its terms on the hub and give a token in HF_TOKEN/);
      expect(await refusal({ token: 'hf_other' })).to.match(/gated, and the account of HF_TOKEN has no access/);
      await pullTiny({ token });
      server.repositories['org/secret'] = { commit, files: tiny, private: true };
      expect(await refusal({}, 'org/secret')).to.include('private');
      await pullTiny({ token }, 'org/secret');
    });

    it('that it is not in the cache and the hub may not be asked', async () => {
      expect(await refusal({ offline: true })).to.match(/org\/tiny at main is not in the cache .*offline/);
      expect(server.seen).to.deep.equal([]);
    });

    it('that the disk has no room, before and while it loads', async () => {
      const select = () => [{ path: 'x', size: 2 ** 52, algorithm: 'sha256' as const, checksum: 'a'.repeat(64) }];
      expect(await refusal({ select })).to.match(/no space for it in .*: 4503599.6 GB are needed and .* GB free/);
      // Writing to this device fails as on a full disk.
      symlinkSync('/dev/full', join(home, 'blobs', `${sha256(weights)}.partial`));
      expect(await refusal()).to.match(/cannot write .*no space left on device/);
    });

    it('which .gguf files there are, where one must be chosen', async () => {
      const files = {
        'a-q4.gguf': Buffer.alloc(1500),
        'a-q8.gguf': Buffer.alloc(2500),
        'config.json': tiny['config.json'],
      };
      server.repositories['org/tiny'] = { commit, files };
      expect(await refusal()).to.match(/2 \.gguf files: a-q4\.gguf \(0\.0 MB\), a-q8\.gguf .*--file/);
      const file = (name: string) => ({ select: modelFiles('org/tiny', { file: name }) });
      expect(await refusal(file('b.gguf'))).to.match(/has no b\.gguf; it has a-q4\.gguf, a-q8\.gguf/);
      expect((await pullTiny(file('a-q8.gguf'))).files).to.deep.equal(['a-q8.gguf']);
      const include = { select: modelFiles('org/tiny', { include: ['*q4*', 'con*'] }) };
      expect((await pullTiny(include)).files).to.have.members(['a-q4.gguf', 'config.json']);
      expect(await refusal({ select: modelFiles('org/tiny', { include: ['*.pt'] }) })).to.include(
        'no file that matches *.pt',
      );
    });

    it('that an answer is not a hub’s, or names files outside', async () => {
      server.repositories['org/tiny'] = { commit: 'x', files: tiny };
      expect(await refusal()).to.match(/does not answer as a hub does: the answer has no commit/);
      server.repositories['org/tiny'] = { commit, files: { '../../evil.json': Buffer.from('x') } };
      expect(await refusal()).to.match(/does not answer as a hub does: .*leads out/);
      expect(existsSync(join(cache, '..', 'evil.json'))).to.equal(false);
    });
  });

  it('does not take the token along to another origin', async () => {
    const storage = await new HubServer().start();
    try {
      storage.repositories['org/tiny'] = server.repositories['org/tiny'];
      server.storage = storage.url;
      await pullTiny({ token });
      expect(server.seen.every(({ authorization }) => authorization === `Bearer ${token}`)).to.equal(true);
      expect(storage.seen.length).to.equal(3);
      expect(storage.seen.every(({ authorization }) => authorization === null)).to.equal(true);
    } finally {
      storage.stop();
    }
  });
});

const puller = fileURLToPath(new URL('./puller-process.js', import.meta.url));

describe('a hub id', () => {
  it('names a repository, and maybe a revision and a file', () => {
    const model = { repository: { kind: 'model', name: 'org/na.me-7B' }, revision: 'main', file: null };
    expect(parseHubSpec('org/na.me-7B')).to.deep.equal(model);
    expect(parseHubSpec('org/na.me-7B@refs/pr/1')).to.deep.equal({ ...model, revision: 'refs/pr/1' });
    expect(parseHubSpec('org/na.me-7B@v1:sub/x.gguf')).to.deep.equal({ ...model, revision: 'v1', file: 'sub/x.gguf' });
  });

  it('is no path, address, name or file', () => {
    for (const text of [
      'abacus',
      './a/b',
      '/a/b',
      'a/b/c',
      'a\\b',
      'sglang://host:1',
      'a/b:c',
      '../b',
      'a/b.gguf',
      'a/',
      '',
    ]) {
      expect(parseHubSpec(text), text).to.equal(null);
    }
    expect(() => parseHubSpec('a/b@../c')).to.throw(AttsError, /lead out/);
    expect(() => parseHubSpec('a/b:../c.gguf')).to.throw(AttsError, /lead out/);
  });
});
