import { accountBalance, accountCount, type Operation } from '../model.js';
import type { CheckResult } from '../results.js';

/**
 * What hot keys must hold after a run. `total`: their sum, read with everything that is committed; `acknowledged`: the
 * operations that were answered; `failed`: those that may have committed or not.
 */
export function checkTotal(
  operation: Operation,
  {
    total,
    acknowledged,
    failed,
  }: { readonly total: number; readonly acknowledged: number; readonly failed: number },
): CheckResult | undefined {
  switch (operation) {
    case 'put':
    case 'get':
    case 'causal-get':
      return undefined;
    case 'sum':
    case 'increment': {
      const holds = total >= acknowledged && total <= acknowledged + failed;
      const unknown = failed === 0 ? '' : `, ${failed} without an answer`;
      return { holds, text: `sum ${total} of ${acknowledged} acknowledged${unknown}` };
    }
    case 'transfer': {
      const before = accountCount * accountBalance;
      return { holds: total === before, text: `money ${total} of ${before}` };
    }
  }
}
