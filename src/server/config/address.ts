/** Where a server listens, or where others find it. */
export interface Address {
  /** A host name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string;
  /** 0 to 65535; 0 lets the system choose, and only a listener may say so. */
  readonly port: number;
}

/** Where HTTP is asked for. */
export interface HttpAddress extends Address {
  /** HTTPS, of the node itself or of a proxy before it. */
  readonly tls?: true;
}

const pattern = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)):(0|[1-9][0-9]{0,4})$/;

/** Undefined unless `text` is `host:port`; an IPv6 address stands in brackets. */
export function parseAddress(text: string): Address | undefined {
  const match = pattern.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Undefined unless `text` is `host:port` or `https://host:port`. */
export function parseHttpAddress(text: string): HttpAddress | undefined {
  const tls = text.startsWith('https://');
  const address = parseAddress(tls ? text.slice('https://'.length) : text);
  return address === undefined || !tls ? address : { ...address, tls };
}

export function httpUrl(address: HttpAddress): string {
  return `${address.tls === true ? 'https' : 'http'}://${formatAddress(address)}`;
}

/** True when only this machine can reach a server that listens at `host`. A name other than localhost counts as beyond. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
