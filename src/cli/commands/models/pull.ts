import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandModule } from 'yargs';
import { AttsError, modelFiles, parseHubSpec, pull } from '../../../index.js';
import { bytesText } from '../../format.js';
import { jsonFlag } from '../../json-flag.js';
import { DownloadDisplay } from '../../progress.js';
import { interruptible } from '../../session.js';

export const pullCommand: CommandModule = {
  command: 'pull <id>',
  describe: "Bring a model from a hub into the hub's cache",
  builder: (cli) =>
    cli.positional('id', { type: 'string', demandOption: true, describe: 'org/name, or org/name@revision' }).options({
      revision: { type: 'string', requiresArg: true, describe: 'Branch, tag or commit [main]' },
      file: { type: 'string', requiresArg: true, describe: 'The one .gguf file that is wanted' },
      include: {
        ...{ type: 'string', array: true, requiresArg: true },
        describe: 'Files instead of those that atts needs, with * for any text',
      },
      offline: { type: 'boolean', describe: 'Use the cache alone (also HF_HUB_OFFLINE=1)' },
      json: jsonFlag,
    }),
  async handler(argv) {
    const id = argv.id as string;
    const hub = parseHubSpec(id);
    if (hub === null) throw new AttsError('usage', `${id} is not a hub id; give org/name or org/name@revision`);
    const revision = (argv.revision as string | undefined) ?? hub.revision;
    const file = (argv.file as string | undefined) ?? hub.file;
    const include = argv.include as string[] | undefined;
    const select = modelFiles(hub.repository.name, { include, file });
    const progress = new DownloadDisplay();
    const pulled = await interruptible('run the same command again to go on', (signal) =>
      pull(hub.repository, {
        ...{ revision, select, signal, onProgress: progress.update },
        offline: argv.offline as boolean | undefined,
      }),
    ).finally(() => progress.stop());
    if (file !== null && !existsSync(join(pulled.folder, file))) {
      throw new AttsError('io', `${file} of ${id} is not in the cache, and the hub may not be asked (offline)`);
    }
    const spec = specOf(hub.repository.name, revision, file);
    if (argv.json) {
      process.stdout.write(`${JSON.stringify({ spec, ...pulled })}\n`);
      return;
    }
    const files = pulled.files.length > 0 ? `, ${pulled.files.length} files, ${bytesText(pulled.bytes)}` : '';
    process.stdout.write(
      `model      ${spec} (commit ${pulled.commit.slice(0, 8)}${files})\nfolder     ${pulled.folder}\n`,
    );
  },
};

/** What names the pulled model from now on. */
function specOf(name: string, revision: string, file: string | null): string {
  return `${name}${revision === 'main' ? '' : `@${revision}`}${file === null ? '' : `:${file}`}`;
}
