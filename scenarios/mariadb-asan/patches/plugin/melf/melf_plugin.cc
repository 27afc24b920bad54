/*
  melf_sanitize (session; OFF, ON or USER): which variant this connection's statements run in. USER, the default, asks the next one.
  melf_sanitized_users (global): a pattern as of LIKE; connections of users with such a name are sanitised.
  MELF_VARIANT(): the variant that executes this very statement.

  A statement that changes melf_sanitize still runs in the variant that it began in.
*/
#define MYSQL_SERVER
#include <my_global.h>
#include <sql_class.h>
#include <sql_acl.h>
#include <mysql/plugin.h>
#include <mysql/plugin_function.h>
#include "melf.h"
#include "melf_switch.h"
#include "plant.h"

static const char *choices[]= {"OFF", "ON", "USER", NullS};
static TYPELIB choice_names= {array_elements(choices) - 1, "", choices, NULL};
enum choice { CHOICE_OFF, CHOICE_ON, CHOICE_USER };

static MYSQL_THDVAR_ENUM(sanitize, PLUGIN_VAR_RQCMDARG,
                         "Whether this connection's statements run in the variant asan",
                         NULL, NULL, CHOICE_USER, &choice_names);

static char *sanitised_users;
static MYSQL_SYSVAR_STR(sanitized_users, sanitised_users, PLUGIN_VAR_RQCMDARG | PLUGIN_VAR_READONLY,
                        "Users whose connections run in the variant asan, as a pattern of LIKE",
                        NULL, NULL, "asan%");

static struct st_mysql_sys_var *variables[]= {
  MYSQL_SYSVAR(sanitize),
  MYSQL_SYSVAR(sanitized_users),
  NULL
};

bool wants_sanitised(THD *thd)
{
  ulong choice= THDVAR(thd, sanitize);
  if (choice != CHOICE_USER)
    return choice == CHOICE_ON;
  const char *user= thd->main_security_ctx.user;
  return user && sanitised_users && !wild_case_compare(system_charset_info, user, sanitised_users);
}

class Item_func_melf_variant: public Item_func_sysconst
{
public:
  Item_func_melf_variant(THD *thd): Item_func_sysconst(thd) {}
  String *val_str(String *to) override
  {
    const char *name= melf_variant_name(melf_current());
    if (!name)
      name= "";
    null_value= to->copy(name, strlen(name), system_charset_info);
    return null_value ? NULL : to;
  }
  bool fix_length_and_dec(THD *thd) override
  {
    max_length= 64 * system_charset_info->mbmaxlen;
    set_maybe_null();
    return false;
  }
  LEX_CSTRING func_name_cstring() const override
  {
    static LEX_CSTRING name= {STRING_WITH_LEN("melf_variant")};
    return name;
  }
  const char *fully_qualified_func_name() const override { return "melf_variant()"; }
  table_map used_tables() const override { return RAND_TABLE_BIT; }
  Item *shallow_copy(THD *thd) const override { return get_item_copy<Item_func_melf_variant>(thd, this); }
};

class Create_func_melf_variant: public Create_func_arg0
{
public:
  Item *create_builder(THD *thd) override { return new (thd->mem_root) Item_func_melf_variant(thd); }
  static Create_func_melf_variant s_singleton;
};
Create_func_melf_variant Create_func_melf_variant::s_singleton;

class Item_func_melf_plant: public Item_str_func
{
public:
  Item_func_melf_plant(THD *thd, Item *kind): Item_str_func(thd, kind) {}
  String *val_str(String *to) override
  {
    String buffer, *kind= args[0]->val_str(&buffer);
    if ((null_value= !kind))
      return NULL;
    const char *done= plant(kind->c_ptr_safe());
    null_value= !done || to->copy(done, strlen(done), system_charset_info);
    return null_value ? NULL : to;
  }
  bool fix_length_and_dec(THD *thd) override
  {
    collation.set(system_charset_info, DERIVATION_COERCIBLE);
    max_length= 64 * system_charset_info->mbmaxlen;
    set_maybe_null();
    return false;
  }
  LEX_CSTRING func_name_cstring() const override
  {
    static LEX_CSTRING name= {STRING_WITH_LEN("melf_plant")};
    return name;
  }
  table_map used_tables() const override { return RAND_TABLE_BIT; }
  Item *shallow_copy(THD *thd) const override { return get_item_copy<Item_func_melf_plant>(thd, this); }
};

class Create_func_melf_plant: public Create_func_arg1
{
public:
  Item *create_1_arg(THD *thd, Item *kind) override { return new (thd->mem_root) Item_func_melf_plant(thd, kind); }
  static Create_func_melf_plant s_singleton;
};
Create_func_melf_plant Create_func_melf_plant::s_singleton;

static int start(void *) { return melf_find_variants(); }

static struct st_mysql_daemon daemon_descriptor= {MYSQL_DAEMON_INTERFACE_VERSION};
static Plugin_function variant_descriptor(&Create_func_melf_variant::s_singleton);
static Plugin_function plant_descriptor(&Create_func_melf_plant::s_singleton);

maria_declare_plugin(melf)
{
  MYSQL_DAEMON_PLUGIN, &daemon_descriptor, "melf", "melf-sandbox", "Variants for connections", PLUGIN_LICENSE_GPL,
  start, NULL, 0x0100, NULL, variables, "1.0", MariaDB_PLUGIN_MATURITY_EXPERIMENTAL
},
{
  MariaDB_FUNCTION_PLUGIN, &variant_descriptor, "melf_variant", "melf-sandbox", "Function MELF_VARIANT()", PLUGIN_LICENSE_GPL,
  NULL, NULL, 0x0100, NULL, NULL, "1.0", MariaDB_PLUGIN_MATURITY_EXPERIMENTAL
},
{
  MariaDB_FUNCTION_PLUGIN, &plant_descriptor, "melf_plant", "melf-sandbox", "Function MELF_PLANT(kind)", PLUGIN_LICENSE_GPL,
  NULL, NULL, 0x0100, NULL, NULL, "1.0", MariaDB_PLUGIN_MATURITY_EXPERIMENTAL
}
maria_declare_plugin_end;
