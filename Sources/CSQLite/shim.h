#pragma once
#include <sqlite3.h>

/// `sqlite3_db_config` takes a variable list of arguments, which Swift cannot call.
static inline int aura_sqlite3_defensive(sqlite3 *connection) {
  int on = 0;
  int code = sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, &on);
  return code == SQLITE_OK && !on ? SQLITE_ERROR : code;
}

/// Statistics of memory cost two locks an allocation. To be called before the first connection is opened.
static inline int aura_sqlite3_no_memory_statistics(void) {
  return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}
