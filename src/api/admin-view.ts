import type { Recovery, RecoveryPlan } from '../transaction/service.js';

/** A recovery's plan as JSON shows it. */
export function planView(plan: RecoveryPlan): Record<string, unknown> {
  const { copies, source, seqno, unproven, warnings } = plan;
  return { copies, source, seqno, unproven, warnings };
}

export function recoveryView(recovery: Recovery): Record<string, unknown> {
  const { uuidBefore, uuid, seqnoBase } = recovery;
  return { ...planView(recovery), uuidBefore, uuid, seqnoBase };
}
