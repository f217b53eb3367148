/** The messages of the peer protocol (proto/meridian/v1/peer.proto), decoded and encoded. */
export { PeerMessageError } from './messages/peer-message-error.js';
export * from './messages/certify.js';
export * from './messages/entries.js';
export * from './messages/gossip.js';
export * from './messages/transfer.js';
