export interface Count {
  passed: number;
  failed: number;
  problems: string[];
}
export function testFiles(folders: readonly string[]): string[];
export function countTests(run: { report: string; files: readonly string[]; ok: boolean }): Count;
