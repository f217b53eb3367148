import { at, stores, type Scenario } from './scenario.js';

/** 4 and 64 workers per region. */
const fewAndMany = at('wan', 'all', 12, 192);

export const hotSums: Scenario = {
  name: 'hot-sums',
  title: '10 hot counters with `sum`: additions that do not conflict',
  operation: 'sum',
  protocols: ['http', 'grpc', 'sdk', 'meridian-etcd'],
  points: {
    short: at('wan', 'all', 192),
    full: [...at('lan', 'all', 12, 192), ...fewAndMany],
    quick: at('wan', 'all', 192),
    peers: [...at('lan', 'all', 192), ...fewAndMany],
  },
};

export const hotIncrements: Scenario = {
  name: 'hot-increments',
  title: '10 hot counters as read-modify-write, tried again after a conflict',
  operation: 'increment',
  protocols: stores,
  points: {
    short: at('wan', 'all', 12),
    full: [...at('lan', 'all', 12, 192), ...fewAndMany],
    quick: fewAndMany,
    peers: [...at('lan', 'all', 12), ...fewAndMany],
  },
};
