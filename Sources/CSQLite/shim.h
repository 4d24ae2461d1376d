#pragma once
#include <sqlite3.h>

/// `sqlite3_db_config` takes a variable list of arguments, which Swift cannot call.
static inline int aura_sqlite3_defensive(sqlite3 *connection) {
  int on = 0;
  int code = sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, &on);
  return code == SQLITE_OK && !on ? SQLITE_ERROR : code;
}
