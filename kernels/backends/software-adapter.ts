/** Whether a GPU adapter, by what it says of itself, is a processor that stands for one. */
export function isSoftwareAdapter(name: string): boolean {
  return /swiftshader|llvmpipe|software|basic render/i.test(name);
}
