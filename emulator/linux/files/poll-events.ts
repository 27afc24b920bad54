/** Readiness bits of poll and epoll, the same on both ISAs (include/uapi/linux/eventpoll.h, asm-generic/poll.h). */
export const PollEvent = {
  IN: 0x1,
  PRI: 0x2,
  OUT: 0x4,
  ERR: 0x8,
  HUP: 0x10,
  NVAL: 0x20,
  RDNORM: 0x40,
  RDBAND: 0x80,
  WRNORM: 0x100,
  WRBAND: 0x200,
  MSG: 0x400,
  RDHUP: 0x2000,
} as const;

export const READABLE = PollEvent.IN | PollEvent.RDNORM;
export const WRITABLE = PollEvent.OUT | PollEvent.WRNORM;
/** Reported whether or not they were asked for. */
export const ALWAYS_REPORTED = PollEvent.ERR | PollEvent.HUP;
