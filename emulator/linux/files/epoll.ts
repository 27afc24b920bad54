import { Errno } from '../../errno.ts';
import { anonymousStat } from './anonymous-stat.ts';
import { OpenFile } from './open-file.ts';
import { OpenFlag } from './open-flags.ts';
import { ALWAYS_REPORTED, READABLE } from './poll-events.ts';
import type { FileStat } from './stat.ts';

/** Behaviour bits of an interest (include/uapi/linux/eventpoll.h). */
export const EpollFlag = { EXCLUSIVE: 2 ** 28, WAKEUP: 2 ** 29, ONESHOT: 2 ** 30, ET: 0x8000_0000 } as const;
const READINESS = 0xfff_ffff;
const MAX_DEPTH = 5;

/** `epoll_data_t` is opaque: kept as its two halves. */
export interface EpollInterest {
  /** Readiness bits, and those of {@link EpollFlag}. */
  readonly events: number;
  readonly dataLow: number;
  readonly dataHigh: number;
}

interface Item {
  readonly file: OpenFile;
  interest: EpollInterest;
  /** Reported once with ONESHOT: off until it is modified. */
  disabled: boolean;
  /** Is on the ready list. */
  listed: boolean;
  gone: boolean;
  readonly unwatch: () => void;
}

export interface EpollResult {
  readonly events: number;
  readonly dataLow: number;
  readonly dataHigh: number;
}

/**
 * epoll(7): files announce changes to the items that watch them, which go on a ready list; waiting only looks at that list.
 * A level-triggered item stays on the list as long as it is ready, an edge-triggered one leaves it when reported.
 */
export class EpollFile extends OpenFile {
  readonly #items = new Map<OpenFile, Map<number, Item>>();
  #ready: Item[] = [];

  constructor() {
    super(OpenFlag.RDWR, 'anon_inode:[eventpoll]');
  }

  add(fd: number, file: OpenFile, interest: EpollInterest, now: number): number {
    if (file === this) return -Errno.EINVAL;
    if (file instanceof EpollFile && file.#reaches(this, 1)) return -Errno.ELOOP;
    const byFd = this.#items.get(file) ?? new Map<number, Item>();
    if (byFd.has(fd)) return -Errno.EEXIST;
    this.#items.set(file, byFd);
    const item: Item = {
      file,
      interest,
      disabled: false,
      listed: false,
      gone: false,
      unwatch: file.watch((events, at) => this.#announced(item, events, at)),
    };
    byFd.set(fd, item);
    this.#look(item, now);
    return 0;
  }

  modify(fd: number, file: OpenFile, interest: EpollInterest, now: number): number {
    const item = this.#items.get(file)?.get(fd);
    if (item === undefined) return -Errno.ENOENT;
    item.interest = interest;
    item.disabled = false;
    this.#look(item, now);
    return 0;
  }

  remove(fd: number, file: OpenFile): number {
    const item = this.#items.get(file)?.get(fd);
    if (item === undefined) return -Errno.ENOENT;
    this.#drop(item);
    return 0;
  }

  isExclusive(fd: number, file: OpenFile): boolean {
    const events = this.#items.get(file)?.get(fd)?.interest.events ?? 0;
    return (events & EpollFlag.EXCLUSIVE) !== 0;
  }

  /** Up to `most` ready items. Level-triggered ones go to the end of the list, so that all get their turn. */
  collect(most: number, now: number): EpollResult[] {
    const results: EpollResult[] = [];
    if (this.#ready.length === 0) return results;
    const batch = this.#ready;
    this.#ready = [];
    const again: Item[] = [];
    let index = 0;
    for (; index < batch.length && results.length < most; index++) {
      const item = batch[index]!;
      item.listed = false;
      if (item.gone) continue;
      const events = this.#holds(item, now);
      if (events === 0) continue;
      results.push({ events, dataLow: item.interest.dataLow, dataHigh: item.interest.dataHigh });
      if (item.interest.events & EpollFlag.ONESHOT) item.disabled = true;
      else if (!(item.interest.events & EpollFlag.ET)) {
        item.listed = true;
        again.push(item);
      }
    }
    const added = this.#ready;
    this.#ready = index < batch.length ? batch.slice(index) : [];
    this.#ready.push(...again, ...added);
    // Another thread may wait for what is left.
    if (this.#ready.length > 0) this.queue.wake(now, 1);
    return results;
  }

  override poll(now: number): number {
    this.#ready = this.#ready.filter((item) => {
      if (!item.gone && this.#holds(item, now) !== 0) return true;
      item.listed = false;
      return false;
    });
    return this.#ready.length > 0 ? READABLE : 0;
  }

  override notify(events: number, at: number): void {
    this.queue.wake(at, 1);
    this.notifyWatchers(events, at);
  }

  override stat(): FileStat {
    return anonymousStat(0o600);
  }

  protected override closed(): void {
    for (const byFd of this.#items.values()) for (const item of byFd.values()) item.unwatch();
    this.#items.clear();
    this.#ready = [];
  }

  #holds(item: Item, now: number): number {
    if (item.disabled) return 0;
    return item.file.poll(now) & ((item.interest.events & READINESS) | ALWAYS_REPORTED);
  }

  #look(item: Item, now: number): void {
    if (this.#holds(item, now) !== 0) this.#list(item, now);
  }

  #announced(item: Item, events: number, at: number): void {
    if (!item.file.open) {
      this.#drop(item);
      return;
    }
    if (item.disabled) return;
    // What was announced is a hint only where it names something: 0 means "look yourself".
    if (events !== 0 && (events & (item.interest.events | ALWAYS_REPORTED)) === 0) return;
    this.#list(item, at);
  }

  #list(item: Item, at: number): void {
    if (!item.listed) {
      item.listed = true;
      this.#ready.push(item);
    }
    this.notify(READABLE, at);
  }

  #drop(item: Item): void {
    item.gone = true;
    item.unwatch();
    const byFd = this.#items.get(item.file);
    if (byFd === undefined) return;
    for (const [fd, other] of byFd) if (other === item) byFd.delete(fd);
    if (byFd.size === 0) this.#items.delete(item.file);
  }

  /** Whether `target` is watched from here, directly or through other epoll files; too deep counts as yes. */
  #reaches(target: EpollFile, depth: number): boolean {
    if (depth > MAX_DEPTH) return true;
    for (const file of this.#items.keys()) {
      if (file === target) return true;
      if (file instanceof EpollFile && file.#reaches(target, depth + 1)) return true;
    }
    return false;
  }
}
