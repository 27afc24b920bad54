import { Errno } from '../../errno.ts';
import type { KernelCosts } from '../../timing/kernel-costs.ts';
import { anonymousStat } from '../files/anonymous-stat.ts';
import { OpenFile } from '../files/open-file.ts';
import { type FileStat, FileType } from '../files/stat.ts';
import { anyAddress, Family, type SocketAddress } from './addresses.ts';

/** SOCK_* of include/linux/net.h. */
export const SocketType = { STREAM: 1, DGRAM: 2, RAW: 3, SEQPACKET: 5, MASK: 0xf } as const;

/** net.core.rmem_default and wmem_default of Linux. */
export const DEFAULT_BUFFER = 212_992;

/** What every socket has: its addresses, its pending error, its options. */
export abstract class Socket extends OpenFile {
  abstract readonly type: number;
  readonly family: number;
  readonly ino: number;
  local: SocketAddress;
  peer: SocketAddress | undefined;
  bound = false;
  /** Pending error (SO_ERROR), 0 for none. */
  error = 0;
  reuseAddress = false;
  reusePort = false;
  onlyIpv6 = false;
  sendBuffer = DEFAULT_BUFFER;
  receiveBuffer = DEFAULT_BUFFER;
  /** Longest wait of a blocking call, ns; 0 = no limit (SO_RCVTIMEO, SO_SNDTIMEO). */
  receiveTimeout = 0;
  sendTimeout = 0;
  /** Options that are remembered for getsockopt and change nothing here, by `level << 16 | name`. */
  readonly remembered = new Map<number, Uint8Array>();
  /** Called when the socket is closed: gives its address back. */
  released: (() => void) | undefined;

  constructor(family: number, flags: number, ino: number) {
    super(flags, `socket:[${ino}]`);
    this.family = family;
    this.ino = ino;
    this.local = this.unnamed();
  }

  /** The address of a socket that has none. */
  unnamed(): SocketAddress {
    if (this.family === Family.UNIX) return { family: Family.UNIX, path: '' };
    return anyAddress(this.family === Family.INET6 ? Family.INET6 : Family.INET);
  }

  /** The pending error, which is then no longer pending. */
  takeError(): number {
    const { error } = this;
    this.error = 0;
    return error;
  }

  shutdown(_input: boolean, _output: boolean, _now: number): number {
    return -Errno.ENOTCONN;
  }

  /** Bytes sent and not read by the other end yet (SIOCOUTQ). */
  unsent(): number {
    return 0;
  }

  override readCost(costs: KernelCosts): number {
    return this.family === Family.UNIX ? costs.localMessage : costs.netReceive;
  }

  override writeCost(costs: KernelCosts): number {
    return this.family === Family.UNIX ? costs.localMessage : costs.netSend;
  }

  override stat(): FileStat {
    return anonymousStat(FileType.SOCKET | 0o777, this.ino);
  }
}
