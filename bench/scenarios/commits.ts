import { at, stores, type Scenario } from './scenario.js';

export const commits: Scenario = {
  name: 'commits',
  title: 'Commits: one key of 10,000, 100 bytes, one transaction each',
  operation: 'put',
  protocols: stores,
  points: {
    short: [
      ...at('lan', 'home', 1, 64),
      ...at('lan', 'all', 256),
      ...at('wan', 'home', 1),
      ...at('wan', 'near', 1),
      ...at('wan', 'all', 192),
    ],
    full: [
      ...at('lan', 'home', 1, 16, 64, 256),
      ...at('lan', 'all', 3, 16, 64, 256),
      ...at('wan', 'home', 1, 16, 64, 256),
      ...at('wan', 'near', 1),
      ...at('wan', 'far', 1),
      ...at('wan', 'all', 3, 16, 64, 256),
    ],
    quick: [
      ...at('lan', 'home', 64),
      ...at('lan', 'all', 256),
      ...at('wan', 'home', 1),
      ...at('wan', 'near', 1),
    ],
    peers: [
      ...at('lan', 'home', 1, 16, 64, 256),
      ...at('lan', 'all', 3, 16, 64, 256),
      ...at('wan', 'home', 1),
      ...at('wan', 'near', 1),
      ...at('wan', 'far', 1),
      ...at('wan', 'all', 192, 256),
    ],
  },
};
