import { keyFromText } from '../../../src/model/keys.js';

/** Moved by transfers that read what they write; their total stays. */
export const accounts = Array.from({ length: 12 }, (_, i) => keyFromText(`account/${i}`));
export const accountBalance = 1000;
/** Moved by sums that read nothing; their total stays 0. */
export const pots = Array.from({ length: 6 }, (_, i) => keyFromText(`pot/${i}`));
