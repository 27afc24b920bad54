#ifndef MELF_SWITCH_INCLUDED
#define MELF_SWITCH_INCLUDED

class THD;

/* Before there are threads: finds the variants of this executable. Returns 0, or 1 after an error message. */
extern "C" int melf_find_variants();

/*
  At a connection's start and between its statements: this thread goes on in the variant that the connection wants. The callers up to the
  thread's first function are common code (melf.toml), so nothing that another variant has otherwise is on the stack.
*/
extern "C" void melf_choose(THD *thd);

/* What a connection wants: in melf_plugin.cc, beside the variables that decide it. */
bool wants_sanitised(THD *thd);

#endif
