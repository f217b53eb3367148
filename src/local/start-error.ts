/** Why a local cluster cannot start, in words for the person at the terminal. */
export class ClusterStartError extends Error {}
