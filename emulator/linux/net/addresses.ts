import { Errno } from '../../errno.ts';

/** Address families (include/linux/socket.h). */
export const Family = { UNSPEC: 0, UNIX: 1, INET: 2, INET6: 10, NETLINK: 16 } as const;

export interface InetAddress {
  readonly family: typeof Family.INET | typeof Family.INET6;
  /** 4 or 16 bytes, network order. */
  readonly host: Uint8Array;
  readonly port: number;
}

export interface UnixAddress {
  readonly family: typeof Family.UNIX;
  /** Empty for a socket without a name; starts with NUL for the abstract name space. */
  readonly path: string;
}

export type SocketAddress = InetAddress | UnixAddress;

export const SOCKADDR_MAX = 128;
const SUN_PATH = 108;

/** `127.0.0.1:port`. */
export const loopback = (port: number): InetAddress => ({
  family: Family.INET,
  host: Uint8Array.of(127, 0, 0, 1),
  port,
});

/** INADDR_ANY or in6addr_any. */
export const anyAddress = (family: InetAddress['family'], port = 0): InetAddress => ({
  family,
  host: new Uint8Array(family === Family.INET ? 4 : 16),
  port,
});

const isMapped = (host: Uint8Array): boolean =>
  host.length === 16 && host.subarray(0, 10).every((byte) => byte === 0) && host[10] === 0xff && host[11] === 0xff;

/** An IPv4 host inside an IPv6 one as IPv4; other hosts unchanged. */
export const unmapped = (host: Uint8Array): Uint8Array => (isMapped(host) ? host.slice(12) : host);

/** ::ffff:a.b.c.d */
export function mapped(host: Uint8Array): Uint8Array {
  if (host.length === 16) return host;
  const bytes = new Uint8Array(16);
  bytes[10] = bytes[11] = 0xff;
  bytes.set(host, 12);
  return bytes;
}

/** Whether the host is INADDR_ANY or in6addr_any, mapped or not. */
export const isAny = (host: Uint8Array): boolean => unmapped(host).every((byte) => byte === 0);

/** The machine has one interface, the loopback one: 127.0.0.0/8 and ::1. */
export function isLoopback(host: Uint8Array): boolean {
  const plain = unmapped(host);
  return plain.length === 4 ? plain[0] === 127 : plain.every((byte, index) => byte === (index === 15 ? 1 : 0));
}

/** Whether two hosts are the same, IPv4 mapped into IPv6 counting as IPv4. */
export const sameHost = (a: Uint8Array, b: Uint8Array): boolean => {
  const left = unmapped(a);
  const right = unmapped(b);
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
};

/** Reads a `struct sockaddr`. Returns a negated errno for one that makes no sense. */
export function decodeAddress(bytes: Uint8Array): SocketAddress | number {
  if (bytes.length < 2) return -Errno.EINVAL;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const family = view.getUint16(0, true);
  switch (family) {
    case Family.INET:
      if (bytes.length < 16) return -Errno.EINVAL;
      return { family, port: view.getUint16(2), host: bytes.slice(4, 8) };
    case Family.INET6:
      if (bytes.length < 24) return -Errno.EINVAL;
      return { family, port: view.getUint16(2), host: bytes.slice(8, 24) };
    case Family.UNIX: {
      if (bytes.length > 2 + SUN_PATH) return -Errno.EINVAL;
      const raw = Buffer.from(bytes.subarray(2));
      if (raw.length === 0) return { family, path: '' };
      if (raw[0] === 0) return { family, path: raw.toString('latin1') };
      const end = raw.indexOf(0);
      return { family, path: raw.subarray(0, end < 0 ? raw.length : end).toString() };
    }
    default:
      return -Errno.EAFNOSUPPORT;
  }
}

/** Writes a `struct sockaddr`. */
export function encodeAddress(address: SocketAddress): Uint8Array {
  if (address.family === Family.UNIX) {
    const { path } = address;
    if (path === '') return Uint8Array.of(Family.UNIX, 0);
    const name = path.startsWith('\0') ? Buffer.from(path, 'latin1') : Buffer.from(`${path}\0`);
    const bytes = new Uint8Array(2 + name.length);
    bytes[0] = Family.UNIX;
    bytes.set(name, 2);
    return bytes;
  }
  const inet = address.family === Family.INET;
  const bytes = new Uint8Array(inet ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, address.family, true);
  view.setUint16(2, address.port);
  bytes.set(address.host, inet ? 4 : 8);
  return bytes;
}

/** The same place as a socket of `family` sees it: IPv4 peers of an IPv6 socket have mapped addresses. */
export function asFamily(address: InetAddress, family: number): InetAddress {
  if (family === Family.INET6 && address.family === Family.INET) {
    return { family, host: mapped(address.host), port: address.port };
  }
  return address;
}

/** This host's address in the family of `address`, with its port. */
export function loopbackFor(address: InetAddress): InetAddress {
  if (address.family === Family.INET) return loopback(address.port);
  const host = new Uint8Array(16);
  host[15] = 1;
  return { family: Family.INET6, host, port: address.port };
}
