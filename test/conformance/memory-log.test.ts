import { MemoryLog, MemoryLogStorage } from '../../src/ordering/memory/memory-log.js';
import { orderedLogConformance, type LogUnderTest } from './ordered-log.js';

function overStorage(storage: MemoryLogStorage): LogUnderTest {
  return {
    candidates: [new MemoryLog(storage), new MemoryLog(storage)],
    crash: async () => overStorage(storage),
    close: async () => {},
  };
}

orderedLogConformance(
  'memory log',
  async (beginning) => {
    const storage = new MemoryLogStorage();
    if (beginning !== undefined) storage.initHistory(beginning);
    return overStorage(storage);
  },
  { shared: true },
);
