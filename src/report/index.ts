import { join } from 'node:path';
export async function writeReport(directory: string): Promise<string> { return join(directory, 'report.html'); }
