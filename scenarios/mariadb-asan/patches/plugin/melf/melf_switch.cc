/*
  The switch between variants. Every function here is common code: its name begins with melf_.
*/
#define MYSQL_SERVER
#include <my_global.h>
#include <sql_class.h>
#include <log.h>
#include "melf.h"
#include "melf_switch.h"

static int plain= 0, sanitised= -1;

extern "C" int melf_find_variants()
{
  if (melf_init())
  {
    sql_print_error("melf: the variants cannot be used: errno %d", errno);
    return 1;
  }
  sanitised= melf_variant("asan");
  plain= melf_variant("plain");
  /* An executable with one variant has nothing to choose from. */
  if (plain < 0 || sanitised < 0)
    plain= sanitised= -1;
  return 0;
}

extern "C" void melf_choose(THD *thd)
{
  if (sanitised < 0)
    return;
  int wanted= wants_sanitised(thd) ? sanitised : plain;
  /* Without views on this kernel threads cannot differ. */
  static bool told= false;
  if (melf_switch(wanted) < 0 && !told)
  {
    told= true;
    sql_print_error("melf: no switch to variant %s: errno %d", melf_variant_name(wanted), errno);
  }
}
