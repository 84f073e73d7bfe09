import { createRequire } from 'node:module';
import { arch, cpus, platform, totalmem } from 'node:os';
import type { RunManifest } from './schemas.js';

const require = createRequire(import.meta.url);

export function describeMachine(): RunManifest['machine'] {
  const processors = cpus();
  return {
    platform: platform(),
    arch: arch(),
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
  };
}

export function describeVersions(): RunManifest['versions'] {
  const versionOf = (name: string) => (require(`${name}/package.json`) as { version: string }).version;
  return { atts: versionOf('atts'), node: process.versions.node, tfjs: versionOf('@tensorflow/tfjs-core') };
}
