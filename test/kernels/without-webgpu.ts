/** With `node --import`: the package webgpu fails to load, with the error that the environment's CODE names. */
import { register } from 'node:module';

const hook = `export function resolve(specifier, context, next) {
  if (specifier !== 'webgpu') return next(specifier, context);
  throw Object.assign(new Error('no such symbol\\nand more'), { code: process.env.CODE });
}`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
