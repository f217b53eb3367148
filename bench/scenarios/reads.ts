import { at, stores, type Scenario } from './scenario.js';

/** In eu-west, which is not the home: a node that follows. */
export const localReads: Scenario = {
  name: 'local-reads',
  title: "Local reads: the node's own copy, no network; bare fastify beside them",
  operation: 'get',
  protocols: ['fastify', ...stores],
  points: {
    short: at('lan', 'near', 1, 64),
    full: [...at('lan', 'near', 1, 16, 64, 256), ...at('wan', 'near', 1)],
    quick: at('lan', 'near', 64),
    peers: at('lan', 'near', 1, 64),
  },
};

export const spreadReads: Scenario = {
  ...localReads,
  name: 'spread-reads',
  title: 'Local reads on three nodes at a time',
  protocols: stores,
  points: { short: [], full: at('lan', 'all', 16, 64, 256), quick: [], peers: at('lan', 'all', 64) },
};

export const causalReads: Scenario = {
  name: 'causal-reads',
  title: 'Causal reads: they see every earlier commit',
  operation: 'causal-get',
  protocols: stores,
  points: {
    short: [...at('lan', 'near', 64), ...at('wan', 'near', 1)],
    full: [
      ...at('lan', 'near', 1, 16, 64, 256),
      ...at('lan', 'all', 64),
      ...at('wan', 'home', 1),
      ...at('wan', 'near', 1, 64),
      ...at('wan', 'far', 1),
    ],
    quick: at('wan', 'near', 1),
    peers: [
      ...at('lan', 'near', 1, 64),
      ...at('wan', 'home', 1),
      ...at('wan', 'near', 1),
      ...at('wan', 'far', 1),
    ],
  },
};
