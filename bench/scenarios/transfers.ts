import { at, stores, type Scenario } from './scenario.js';

export const transfers: Scenario = {
  name: 'transfers',
  title: 'Transfers between 16 accounts: interactive transactions of two reads and two writes',
  operation: 'transfer',
  protocols: stores,
  points: {
    short: [...at('lan', 'all', 12), ...at('wan', 'all', 12)],
    full: [...at('lan', 'all', 12, 192), ...at('wan', 'all', 12, 192)],
    quick: at('wan', 'all', 12),
    peers: [...at('lan', 'all', 12), ...at('wan', 'all', 12)],
  },
};
